"""What the audit viewer and its API are asked for, as query parameters. Pure.

`actor`, `action` and `target` are exact, or a prefix where they end in `*`: `actor=user:*`. `text` is
for the words of an entry, `about` for all entries that touch an object. `within` is a while that ends
now, like `24h`: it means other instants each time that it is asked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from audit.gate.types import Verdict
from portal.lib.errors import FieldError, ValidationFailed

PATTERNS = ("actor", "action", "target")
EXACT = ("event", "verdict", "trace_id")
NAMES = ("text", "about", "within", "from", "to", "event", *PATTERNS, "verdict", "trace_id")
MAX_PATTERN, MAX_TEXT = 512, 200
MAX_ID = 2**63 - 1
_EVENT = re.compile(r"[a-z0-9_.-]{1,100}")
_OBJECT = re.compile(r"[a-z_]{1,50}(?:\.[a-z_]{1,50})?:[^\s\0]{1,200}")
_WITHIN = re.compile(r"([1-9][0-9]{0,3})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
# A plus sign that was not percent-encoded arrives as a space.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:\d\d$)")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """`since <= at < until`; empty strings ask for nothing."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    action: str = ""
    target: str = ""
    event: str = ""
    verdict: str = ""
    trace_id: str = ""
    text: str = ""
    about: str = ""
    within: str = ""

    @property
    def is_search(self) -> bool:
        return bool(self.text or self.about)

    def at(self, now: datetime) -> "EventFilter":
        """The same without a while that ends now: the instant it means in its place."""
        if not self.within:
            return self
        since = now - span(self.within)
        return replace(self, since=max(since, self.since or since), within="")

    def to_params(self) -> dict[str, str]:
        """The query parameters that ask for this, without the empty ones; instants in UTC."""
        params = {
            "text": self.text,
            "about": self.about,
            "within": self.within,
            "from": _instant(self.since),
            "to": _instant(self.until),
            **{name: getattr(self, name) for name in (*PATTERNS, *EXACT)},
        }
        return {name: value for name, value in params.items() if value}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list, both exclusive: older than `before`, or newer than `after`."""

    before: int | None = None
    after: int | None = None


def span(within: str) -> timedelta:
    """`24h` as what it means. Of a valid one."""
    count, unit = int(within[:-1]), _UNITS[within[-1]]
    return timedelta(**{unit: count})


def parse_filter(params: Mapping[str, str], zone: tzinfo = UTC) -> EventFilter:
    """An instant without an offset is read in `zone`.

    Raises `ValidationFailed` that names every parameter that is wrong.
    """
    reader = _Reader(params)
    filters = EventFilter(
        since=reader.instant("from", zone),
        until=reader.instant("to", zone),
        actor=reader.pattern("actor"),
        action=reader.pattern("action"),
        target=reader.pattern("target"),
        event=reader.word("event", _EVENT, "is no name of an event, like incident_opened"),
        verdict=reader.verdict(),
        text=reader.free("text", MAX_TEXT),
        about=reader.word(
            "about", _OBJECT, "is no object, like incidents.incident:INC-7", has_capitals=True
        ),
        within=reader.word("within", _WITHIN, "is no while, like 90m, 24h or 7d"),
        trace_id=reader.word("trace_id", _TRACE_ID, "is not 32 hexadecimal digits"),
    )
    if filters.within and (filters.since or filters.until):
        reader.fail("within", "does not go with from and to")
    if filters.since and filters.until and filters.since >= filters.until:
        reader.fail("to", "must be later than from")
    reader.raise_errors()
    return filters


def is_tidy(params: Mapping[str, str]) -> bool:
    """Whether valid parameters say all they mean: none empty, and each instant with its offset."""
    given = [value.strip() for name, value in params.items() if name in NAMES]
    instants = [
        _LOST_PLUS.sub("+", params[name].strip()) for name in ("from", "to") if name in params
    ]
    return all(given) and all(datetime.fromisoformat(at).tzinfo for at in instants)


def parse_cursor(params: Mapping[str, str]) -> Cursor:
    reader = _Reader(params)
    cursor = Cursor(before=reader.integer("before", MAX_ID), after=reader.integer("after", MAX_ID))
    if cursor.before and cursor.after:
        reader.fail("after", "does not go with before")
    reader.raise_errors()
    return cursor


def parse_limit(params: Mapping[str, str], *, default: int, maximum: int) -> int:
    reader = _Reader(params)
    limit = reader.integer("limit", maximum)
    reader.raise_errors()
    return limit or default


class _Reader:
    """Reads one parameter after the other, collecting what is wrong."""

    def __init__(self, params: Mapping[str, str]) -> None:
        self.params = params
        self.errors: list[FieldError] = []

    def fail(self, name: str, message: str) -> None:
        self.errors.append(FieldError(name, message))

    def raise_errors(self) -> None:
        if self.errors:
            raise ValidationFailed(self.errors)

    def text(self, name: str) -> str:
        return self.params.get(name, "").strip()

    def instant(self, name: str, zone: tzinfo) -> datetime | None:
        raw = _LOST_PLUS.sub("+", self.text(name))
        if not raw:
            return None
        try:
            at = datetime.fromisoformat(raw)
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(name, "is not an instant like 2026-02-12T18:30:00Z")
            return None

    def free(self, name: str, longest: int) -> str:
        raw = self.text(name)
        if "\0" in raw or len(raw) > longest:
            self.fail(name, f"must have at most {longest} characters, none of them NUL")
            return ""
        return raw

    def pattern(self, name: str) -> str:
        raw = self.free(name, MAX_PATTERN)
        return "" if raw == "*" else raw

    def word(
        self, name: str, known: re.Pattern[str], message: str, *, has_capitals: bool = False
    ) -> str:
        raw = self.text(name) if has_capitals else self.text(name).lower()
        if raw and not known.fullmatch(raw):
            self.fail(name, message)
            return ""
        return raw

    def verdict(self) -> str:
        raw = self.text("verdict").lower()
        if raw and raw not in set(Verdict):
            self.fail("verdict", f"must be one of {', '.join(Verdict)}")
            return ""
        return raw

    def integer(self, name: str, maximum: int) -> int | None:
        raw = self.text(name)
        if not raw:
            return None
        if not (raw.isascii() and raw.isdigit() and 1 <= int(raw[:20]) <= maximum):
            self.fail(name, f"must be a whole number from 1 to {maximum}")
            return None
        return int(raw)


def _instant(at: datetime | None) -> str:
    if at is None:
        return ""
    # Seconds and microseconds only where they say something.
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.removesuffix(':00') if at.second == 0 else text}Z"
