"""PagerDuty's Events API v2, as far as it decides what to take: https, JSON, one URL."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SEVERITIES = {"critical", "error", "warning", "info"}


class PagerDuty:
    """202 for an event, 400 with what is wrong for what is none. `open` are the incidents by dedup
    key: a trigger opens one or joins it, a resolve closes it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.open: dict[str, list[dict[str, Any]]] = {}
        self.status = 202
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v2/enqueue"

    @property
    def summaries(self) -> list[str]:
        return [e["payload"]["summary"] for e in self.events if e["event_action"] == "trigger"]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["event_action"] == "trigger":
            self.open.setdefault(event["dedup_key"], []).append(event)
        elif event["event_action"] == "resolve":
            self.open.pop(event["dedup_key"], None)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                wrong = [] if self.path == "/v2/enqueue" else ["no such path"]
                wrong += faults(event)
                status = 400 if wrong else cloud.status
                if status == 202:
                    cloud.take(event)
                answer = {
                    "status": "success" if status == 202 else "invalid event",
                    "message": "Event processed" if status == 202 else "Event object is invalid",
                    **({"errors": wrong} if wrong else {"dedup_key": event.get("dedup_key")}),
                }
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_args: object) -> None:
                return

        return Handler


def faults(event: dict[str, Any]) -> list[str]:
    found = []
    if len(event.get("routing_key", "")) != 32:
        found.append("'routing_key' is missing or of the wrong length")
    action, key = event.get("event_action"), event.get("dedup_key", "")
    if action not in {"trigger", "acknowledge", "resolve"}:
        found.append("'event_action' is invalid")
    if len(key) > 255 or (action in {"acknowledge", "resolve"} and not key):
        found.append("'dedup_key' is missing or too long")
    payload = event.get("payload", {})
    if action == "trigger":
        found += [
            f"'payload.{field}' is missing or blank"
            for field in ("summary", "source", "severity")
            if not payload.get(field)
        ]
        if len(payload.get("summary", "")) > 1024:
            found.append("'payload.summary' is too long")
        if payload.get("severity") not in SEVERITIES:
            found.append("'payload.severity' is invalid")
    return found
