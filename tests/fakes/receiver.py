"""A receiver of Standard Webhooks, which takes nothing that is not signed for it."""

import base64
import hashlib
import hmac
import time
from typing import Any

from tests.fakes.base import Asked, Fake, Says


class Receiver(Fake):
    """204 for what is signed by its secret and fresh, 401 for anything else. `taken` are the bodies by
    id, once each."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret = secret
        self.taken: dict[str, Any] = {}

    def answer(self, asked: Asked) -> Says:
        if not self.is_genuine(asked):
            return Says(401, {"error": "signature"})
        self.taken.setdefault(asked.headers["webhook-id"], asked.json)
        return Says(204, b"")

    def is_genuine(self, asked: Asked) -> bool:
        headers = asked.headers
        message_id, at = headers["webhook-id"], headers["webhook-timestamp"]
        if abs(time.time() - int(at)) > 300:
            return False
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{message_id}.{at}.".encode() + asked.body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{wanted}" in headers["webhook-signature"].split(" ")
