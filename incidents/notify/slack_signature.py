"""Whether a request is from Slack: `v0=` and HMAC-SHA256 over `v0:timestamp:body`, not older than five
minutes, compared in constant time. Pure."""

import hashlib
import hmac
from collections.abc import Iterable

LONGEST_AGE = 300.0
MOST_DIGITS = 12


def signature(secret: str, timestamp: str, body: bytes) -> str:
    signed = f"v0:{timestamp}:".encode() + body
    return f"v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def is_signed(
    secrets: Iterable[str], *, timestamp: str, given: str, body: bytes, now: float
) -> bool:
    """By any of the secrets. `timestamp` and `given` are the headers as they came."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MOST_DIGITS):
        return False
    if abs(now - int(timestamp)) > LONGEST_AGE:
        return False
    matches = [
        hmac.compare_digest(signature(secret, timestamp, body).encode(), given.encode())
        for secret in secrets
    ]
    return any(matches)
