"""Time-based one-time codes (RFC 6238) as every authenticator app makes them: SHA-1, six digits,
a step of 30 seconds. Pure."""

import hmac
from base64 import b32encode
from datetime import datetime
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

DIGITS, STEP, SECRET_BYTES = 6, 30, 20
# A clock may be one step off, either way.
WINDOW = 1


def step_at(at: datetime) -> int:
    return int(at.timestamp()) // STEP


def matching_step(secret: bytes, code: str, at: datetime) -> int | None:
    """The step whose code this is. Compares with all of the window, whichever fits: the time that
    it takes says nothing."""
    now, given, found = step_at(at), code.encode(), None
    # The RFC asks for HMAC-SHA-1, in which SHA-1 is not known to be weak.
    hotp = HOTP(secret, DIGITS, SHA1())  # noqa: S303
    for step in range(now - WINDOW, now + WINDOW + 1):
        if hmac.compare_digest(hotp.generate(step), given):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """In groups of four, for whoever types it in."""
    text = b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def provisioning_uri(secret: bytes, *, issuer: str, account: str) -> str:
    label = quote(f"{issuer}:{account}")
    options = {"secret": b32encode(secret).decode(), "issuer": issuer}
    return f"otpauth://totp/{label}?{urlencode(options, quote_via=quote)}"
