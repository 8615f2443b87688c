"""Seals what is personal about somebody, under a key that exists only as long as their salt does.

The key is HKDF-SHA256 of this installation's subject key (`VIGIL_SUBJECT_KEY`) and the person's
salt: whoever has but one of the two can open nothing, and without the salt nobody can, ever. A sealed
value is `nonce ‖ AES-256-GCM(blind ‖ JSON)`, bound to its place; the entry holds SHA-256(blind ‖ JSON).
"""

import hashlib
import json
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY, NONCE, BLIND = 32, 12, 16


class SubjectKeyUnavailable(Exception):
    """The installation's subject key cannot be read. What is personal cannot be put on record."""


class CannotBeOpened(Exception):
    """Sealed under another key, for another place, or changed since."""


def seal(value: Any, *, salt: bytes, place: str) -> tuple[str, bytes]:
    """What goes into the entry, in hex, and what is kept beside it. Raises `SubjectKeyUnavailable`."""
    body = secrets.token_bytes(BLIND) + json.dumps(value).encode()
    nonce = secrets.token_bytes(NONCE)
    return hashlib.sha256(body).hexdigest(), nonce + _cipher(salt).encrypt(
        nonce, body, place.encode()
    )


def unseal(sealed: bytes, *, salt: bytes, place: str, commitment: str) -> Any:
    """The value behind a commitment. Raises `CannotBeOpened` and `SubjectKeyUnavailable`."""
    try:
        body = _cipher(salt).decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotBeOpened from error
    if hashlib.sha256(body).hexdigest() != commitment:
        raise CannotBeOpened
    return json.loads(body[BLIND:])


def _cipher(salt: bytes) -> AESGCM:
    master = _master(settings.SUBJECT_KEY)
    return AESGCM(HKDF(SHA256(), KEY, salt, b"vigil subject").derive(master))


@lru_cache(maxsize=2)
def _master(path: Path) -> bytes:
    try:
        ensure(path)
        master = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read as the subject key: {error}"
        raise SubjectKeyUnavailable(msg) from error
    if len(master) != KEY:
        msg = f"{path} is no subject key of {KEY} bytes"
        raise SubjectKeyUnavailable(msg)
    return master


def ensure(path: Path) -> None:
    """Makes the key on first use, readable by its owner only. Where several processes come at once,
    the first one's stays: a link is made whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(KEY) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
