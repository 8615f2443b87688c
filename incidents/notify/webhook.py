"""Signed webhooks as in Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

The id is the same at every attempt. While a former secret is still in force, each request carries a
signature by either.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets as random
import time
from http import HTTPStatus
from typing import Any

from incidents.notify.message import Envelope
from incidents.notify.story import Story
from incidents.notify.targets import admit
from portal.lib.resilience import Refused, Unavailable, call, http

SIGNING = "signing secret"
PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
# Whoever answers this wants no more.
GONE = HTTPStatus.GONE


def new_secret() -> str:
    return PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """Raises `ValueError` for what is no secret of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        msg = "not base64"
        raise ValueError(msg) from error
    if not SHORTEST <= len(key) <= LONGEST:
        msg = f"{len(key)} bytes, where {SHORTEST} to {LONGEST} are asked for"
        raise ValueError(msg)
    return key


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key_of(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def payload(envelope: Envelope) -> dict[str, Any]:
    message = envelope.message
    data = message.to_json()
    about = "incident" if message.number else "channel"
    return {
        "type": f"{about}.{message.reason}",
        "timestamp": message.at,
        "data": {name: value for name, value in data.items() if name not in {"at", "reason"}},
    }


def send(envelope: Envelope, story: Story) -> str:
    """Any 2xx will do. Raises `Refused` for 410 alone: everything else may be over in a while."""
    body = json.dumps(payload(envelope), separators=(",", ":")).encode()

    def attempt(timeout: float) -> str:
        at = int(time.time())
        signed = [signature(key, envelope.id, at, body) for key in envelope.secrets[SIGNING]]
        headers = {
            "Content-Type": "application/json",
            "webhook-id": envelope.id,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(signed),
        }
        with story.attempt() as tried:
            reply = http.request(
                "POST", envelope.url, timeout=timeout, body=body, headers=headers, admit=admit
            )
            tried.heard(reply)
            if reply.status == GONE:
                raise Refused("HTTP 410: the receiver wants no more")
            if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
                raise Unavailable(f"HTTP {reply.status}", retry_after=reply.retry_after)
        return envelope.id

    return call("webhook", attempt).value
