"""Whom an installation calls, played on this machine by what speaks their real protocols."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import Verifier, generate_signer
from audit.witness.memory import Memory
from audit.witness.witness import Witness
from tests.audit.journal.receivers import SyslogReceiver
from tests.audit.witness.serving import Answer, QuietServer, answering, running
from tests.portal.tracing.receiving import Receiver

ORIGIN = "vigil.test/ledger"
KEY = "R" * 32


class PagerDuty:
    """Takes events as Events API v2 does, and keeps them."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []

    def triggered(self, name: str) -> list[str]:
        """The keys of the incidents about this that are open."""
        is_open: dict[str, bool] = {}
        for event in self.events:
            is_open[event["dedup_key"]] = event["event_action"] == "trigger"
        return [key for key, opened in is_open.items() if opened and key.endswith(f":{name}")]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        events = self.events

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                is_right = self.path == "/v2/enqueue" and event["routing_key"] == KEY
                if is_right:
                    events.append(event)
                body = json.dumps({"status": "success", "dedup_key": event["dedup_key"]}).encode()
                self.send_response(202 if is_right else 400)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps quiet."""

        return Handler


class LateWitness:
    """An honest witness of a log whose key is made only when the installation starts."""

    def __init__(self, place: Path, key: Path) -> None:
        self.cosigner = Cosigner(generate_signer("vigil.test/witness"))
        self._place, self._key = place, key
        self._witness: Witness | None = None

    @property
    def vkey(self) -> str:
        return self.cosigner.verifier.vkey

    def answer(self, body: bytes) -> Answer:
        if self._witness is None:
            known = {ORIGIN: (Verifier.parse(self._key.read_text().strip()),)}
            self._witness = Witness(self.cosigner, known, Memory(self._place))
        return answering(self._witness)(body)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                status, content_type, body = witness.answer(sent)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps quiet."""

        return Handler


class Outside:
    """`ports` are where each of them listens, by the name of its policy."""

    def __init__(self, place: Path, key: Path) -> None:
        self.pagerduty = PagerDuty()
        self.witness = LateWitness(place / "witness", key)
        self.central = SyslogReceiver(patience=60)
        self.ports: dict[str, int] = {}

    def missing(self) -> int:
        """How many lines of the journal never came, of those before one that did."""
        come: dict[str, set[int]] = {}
        for message in list(self.central.messages):
            if "seq" in message.data:
                come.setdefault(message.data["file"], set()).add(int(message.data["seq"]))
        return sum(max(lines) - min(lines) + 1 - len(lines) for lines in come.values())

    @contextmanager
    def open(self) -> Iterator[None]:
        with ExitStack() as opened:
            for name, player in (
                ("emergency-pagerduty", self.pagerduty),
                ("witnesses", self.witness),
            ):
                server = QuietServer(("127.0.0.1", 0), player.handler())
                self.ports[name] = opened.enter_context(running(server))
            self.ports["journal-central"] = opened.enter_context(self.central).port
            collector = Receiver()
            opened.callback(collector.close)
            self.ports["trace-collector"] = int(collector.url.rpartition(":")[2])
            yield
