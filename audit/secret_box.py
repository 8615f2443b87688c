"""How secrets are kept that have to be read again: encrypted; and what is looked up, by a keyed digest.

The keys are derived by HKDF-SHA256 from `SECRET_KEY`, one for each purpose. After a change of it the
former ones, in `SECRET_KEY_FALLBACKS`, still open what they sealed. What no key opens is refused: fails
closed.
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


def seal(secret: bytes, *, purpose: bytes, owner: bytes) -> bytes:
    """Opens only for the same owner: a copy in somebody else's row is worth nothing."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(_keys(purpose)[0]).encrypt(nonce, secret, owner)


def unseal(sealed: bytes, *, purpose: bytes, owner: bytes) -> bytes:
    for key in _keys(purpose):
        try:
            return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], owner)
        except (InvalidTag, ValueError):
            continue
    raise CannotOpen


def digests(text: bytes, *, purpose: bytes) -> list[bytes]:
    """By each key, the present one first."""
    return [hmac.digest(key, text, hashlib.sha256) for key in _keys(purpose)]


def _keys(purpose: bytes) -> list[bytes]:
    return [
        HKDF(SHA256(), 32, None, b"vigil " + purpose).derive(value.encode())
        for value in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
