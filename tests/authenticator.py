"""An authenticator app, written from RFC 6238 and RFC 4226 alone."""

import base64
import hashlib
import hmac
import time

from audit.models import User
from audit.principal import person
from audit.second_factor.services import second_factor_begin, second_factor_confirm
from audit.secrecy import Typed

PASSWORD = "correct horse"


def code_of(secret: bytes, at: float | None = None, *, steps: int = 0) -> str:
    counter = int(time.time() if at is None else at) // 30 + steps
    mac = hmac.new(secret, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def secret_from(text: str) -> bytes:
    """As typed in from the page."""
    return base64.b32decode(text.replace(" ", ""))


def enrol(user: User) -> tuple[bytes, list[str]]:
    """Secret and recovery codes. Uses up the present code."""
    secret = second_factor_begin(user=user, password=Typed(PASSWORD), by=person(user))
    codes = second_factor_confirm(user=user, code=Typed(code_of(secret)), by=person(user))
    return secret, codes
