"""How secrets of second factors are kept: encrypted, and recovery codes by a keyed digest."""

from audit import secret_box
from audit.secret_box import CannotOpen

__all__ = ["CannotOpen", "code_digests", "seal", "unseal"]

_SECRET, _CODE = b"second factor: secret", b"second factor: recovery code"


def seal(secret: bytes, *, owner: int) -> bytes:
    return secret_box.seal(secret, purpose=_SECRET, owner=_of(owner))


def unseal(sealed: bytes, *, owner: int) -> bytes:
    """Raises `CannotOpen`."""
    return secret_box.unseal(sealed, purpose=_SECRET, owner=_of(owner))


def code_digests(code: str, *, owner: int) -> list[bytes]:
    """By each key, the present one first."""
    return secret_box.digests(_of(owner) + code.encode(), purpose=_CODE)


def _of(owner: int) -> bytes:
    return b"user:%d:" % owner
