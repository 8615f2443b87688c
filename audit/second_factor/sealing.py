"""How secrets of second factors are kept: encrypted, and recovery codes by a keyed digest.

Both keys are derived by HKDF-SHA256 from `SECRET_KEY`. After a change of it the former ones, in
`SECRET_KEY_FALLBACKS`, still open what they sealed. What no key opens is refused: fails closed.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE = 12


class CannotOpen(Exception):
    """No key that this installation knows has sealed it."""


def seal(secret: bytes, *, owner: int) -> bytes:
    """Opens only for the same owner: a copy in somebody else's row is worth nothing."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(_keys(b"secret")[0]).encrypt(nonce, secret, _of(owner))


def unseal(sealed: bytes, *, owner: int) -> bytes:
    for key in _keys(b"secret"):
        try:
            return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], _of(owner))
        except InvalidTag:
            continue
    raise CannotOpen


def code_digests(code: str, *, owner: int) -> list[bytes]:
    """By each key, the present one first."""
    message = _of(owner) + code.encode()
    return [hmac.digest(key, message, hashlib.sha256) for key in _keys(b"recovery code")]


def _of(owner: int) -> bytes:
    return b"user:%d:" % owner


def _keys(purpose: bytes) -> list[bytes]:
    return [
        HKDF(SHA256(), 32, None, b"vigil second factor: " + purpose).derive(value.encode())
        for value in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
