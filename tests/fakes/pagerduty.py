"""PagerDuty's Events API v2, as far as it decides what to take: https, JSON, one URL."""

from typing import Any

from tests.fakes.base import Asked, Fake, Says

SEVERITIES = {"critical", "error", "warning", "info"}


class PagerDuty(Fake):
    """202 for an event, 400 with what is wrong for what is none. `open` are the incidents by dedup
    key: a trigger opens one or joins it, a resolve closes it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.open: dict[str, list[dict[str, Any]]] = {}
        self.acknowledged: set[str] = set()
        self.status = 202

    @property
    def url(self) -> str:
        return f"{super().url}/v2/enqueue"

    @property
    def summaries(self) -> list[str]:
        return [e["payload"]["summary"] for e in self.events if e["event_action"] == "trigger"]

    def answer(self, asked: Asked) -> Says:
        event = asked.json
        wrong = [] if asked.path == "/v2/enqueue" else ["no such path"]
        wrong += faults(event)
        status = 400 if wrong else self.status
        if status == 202:
            self.take(event)
        said = {
            "status": "success" if status == 202 else "invalid event",
            "message": "Event processed" if status == 202 else "Event object is invalid",
            **({"errors": wrong} if wrong else {"dedup_key": event.get("dedup_key")}),
        }
        return Says(status, said, {"Content-Type": "application/json"})

    def take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        key = event["dedup_key"]
        if event["event_action"] == "trigger":
            self.open.setdefault(key, []).append(event)
        elif event["event_action"] == "acknowledge":
            self.acknowledged.add(key)
        else:
            self.open.pop(key, None)


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
