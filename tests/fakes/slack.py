"""Slack's Web API, as far as messages go, and its way to press a button."""

import hashlib
import hmac
import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from tests.fakes.base import Asked, Fake, Says

TOKEN, SECRET = "xoxb-1-secret", "8f742231b10e8888abcd99yyyzzz85a5"


class Slack(Fake):
    """200 with `ok`, for what is wrong too, as the real one. `messages` are those of all channels."""

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__()
        self.token = token
        self.channels = {"C012AB3CD", "U012AB3CD"}
        self.messages: list[dict[str, Any]] = []
        self.whispers: list[dict[str, Any]] = []
        self._ts = itertools.count(1)

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def answer(self, asked: Asked) -> Says:  # noqa: PLR0911 - one fault after the other
        if asked.path.startswith("/actions/"):
            self.whispers.append(asked.json)
            return Says(200, b"ok")
        if asked.path != "/api/chat.postMessage":
            return Says(200, {"ok": False, "error": "unknown_method"})
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Says(200, {"ok": False, "error": "invalid_auth"})
        message = asked.json
        if message.get("channel") not in self.channels:
            return Says(200, {"ok": False, "error": "channel_not_found"})
        if error := _fault(message):
            return Says(200, {"ok": False, "error": error})
        threads = {known["ts"] for known in self.messages}
        if "thread_ts" in message and message["thread_ts"] not in threads:
            return Says(200, {"ok": False, "error": "thread_not_found"})
        ts = f"1700000000.{next(self._ts):06}"
        self.messages.append({**message, "ts": ts})
        return Says(200, {"ok": True, "channel": message["channel"], "ts": ts})


def _fault(message: dict[str, Any]) -> str:
    if not message.get("text"):
        return "no_text"
    for block in message.get("blocks", []):
        if block["type"] not in {"section", "context", "actions", "header"}:
            return "invalid_blocks"
        if block["type"] == "section" and not 1 <= len(block["text"]["text"]) <= 3000:
            return "invalid_blocks"
        if block["type"] == "actions" and not all(e["action_id"] for e in block["elements"]):
            return "invalid_blocks"
    return ""


def pressed(user: str, value: str, *, response_url: str = "", action: str = "acknowledge") -> bytes:
    """The body of the request that a button makes."""
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": "somebody"},
        "response_url": response_url,
        "actions": [{"type": "button", "action_id": action, "value": value}],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    base = b"v0:" + timestamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}
