"""One person's walk, and what an answer comes down to once what differs by itself is taken away."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import quote

from django.http.response import HttpResponseBase
from django.test import Client

from tests.incidents.walk_addresses import Address
from tests.incidents.walk_rows import Rows

# What differs from one answer to the next by itself.
BY_ITSELF = [
    (r"(csrfmiddlewaretoken\W+value=\W|X-CSRFToken\W+)[\w-]+", r"\1-"),
    (r"(nonce[=-]\W?)[\w+/=-]+", r"\1-"),
    (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<uuid>"),
    (r"\b[0-9a-f]{32}\b|\b00-<uuid>", "<trace>"),
    (r"(messages: [\w.-]*)(:[\w-]+)+", r"\1"),
    (r"\b1[789]\d{8}(\d{3}|\.\d+)\b", "<instant>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?", "<instant>"),
    (r"\b\d\d:\d\d(:\d\d(\.\d+)?)?\b", "<time>"),
    (r"\b\d+(\.\d+)? ?(ms|s|seconds?|minutes?|min|hours?|h)\b( ago)?", "<while>"),
    (r"<while>( <while>)+", "<while>"),
]
# Figures of the machine and of all traffic together, and how long the public log is.
BY_ITSELF += [
    (rf"(?m)^(# \w+ )?{name}.*\n", "")
    for name in (
        "vigil_http_request",
        "vigil_journal_",
        "vigil_memory_bytes",
        "vigil_outbound_",
        "vigil_ledger_",
        "vigil_failures_total",
    )
]
BY_ITSELF += [
    (r"\d+ of \d+ answered here", "<answered>"),
    (r"\d+ % of this machine", "<share>"),
    (r"(<dt>Events[^<]*</dt>\s*<dd>)\s*\d+", r"\1"),
]
HEADERS = {
    "Date",
    "Expires",
    "Content-Length",
    "ETag",
    "Server-Timing",
    "X-Request-Id",
    "Traceparent",
}
BODY = {
    "reason": "because",
    "text": "Words.",
    "user": "responder",
    "role": "scribe",
    "severity": "P1",
    "word": "identified",
    "owner": "responder",
    "due_on": "2040-01-01",
    "kind": "detect",
    "seen": "",
    "version": 1,
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: str
    body: str

    @property
    def all(self) -> str:
        return f"{self.status}\n{self.headers}\n\n{self.body}"

    def plain(self) -> str:
        return _plain(self.all)


@dataclass
class Walker:
    """`headers` are sent with each request; `others` are rows that are no incident's."""

    name: str
    client: Client
    headers: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def ask(self, address: Address, rows: Rows, method: str = "GET") -> Answer:
        path = address.of(rows, self.others)
        is_api = path.startswith("/api/")
        # What an earlier answer left to be said on the next page.
        self.client.cookies.pop("messages", None)
        if method == "GET":
            response = self.client.get(path, headers=self.headers)
        elif is_api:
            response = self.client.generic(
                method, path, json.dumps(BODY), "application/json", headers=self.headers
            )
        else:
            response = self.client.post(path, BODY, headers=self.headers)
        return answer(response)

    def compared(self, address: Address, rows: Rows, method: str = "GET") -> str:
        """The answer without what the request itself put into it."""
        # A style's figures are nobody's number.
        said = re.sub(
            r"<style.*?</style>", "", self.ask(address, rows, method).all, flags=re.DOTALL
        )
        asked = address.of(rows, self.others)
        words = [
            asked,
            asked.replace("&", "&amp;"),
            quote(asked),
            # The first rows of a table have numbers that stand in every page.
            *(name for n in address.names if len(name := getattr(rows, n)) > 2),
        ]
        if "incident" in address.names:
            words.append(rows.number)
        for word in sorted({*words}, key=len, reverse=True):
            said = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w])", "<asked>", said)
        return _plain(said)


def answer(response: HttpResponseBase) -> Answer:
    raw = response.getvalue()  # type: ignore[attr-defined] # of both kinds
    headers = {name: value for name, value in response.items() if name not in HEADERS}
    cookies = {name: str(morsel.value) for name, morsel in response.cookies.items()}
    cookies = {n: v for n, v in cookies.items() if n not in {"sessionid", "csrftoken"}}
    lines = [f"{name}: {value}" for name, value in sorted({**headers, **cookies}.items())]
    return Answer(response.status_code, "\n".join(lines), _text(raw))


def _text(raw: bytes) -> str:
    """What PDFs hold is compressed, and carries the time: their first page says whether they are
    there at all."""
    return "<pdf>" if raw.startswith(b"%PDF") else raw.decode("utf-8", "replace")


def _plain(text: str) -> str:
    for pattern, instead in BY_ITSELF:
        text = re.sub(pattern, instead, text)
    return text
