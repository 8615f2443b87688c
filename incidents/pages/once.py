"""A form that is sent again, since its answer was lost on the way, changes nothing a second time.

Each form that is shown brings a key along. It is kept in the transaction of the change, as the API
keeps those of `Idempotency-Key`.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, OperationalError

from audit.governed import surrounded
from audit.principal import Principal
from incidents.models import IdempotencyKey
from portal.lib.errors import Conflict, IdempotencyMismatch

MAX_KEY = 64


class OtherText(IdempotencyMismatch):
    default_message = (
        "What you sent before has arrived meanwhile, and this differs from it. Look at the timeline:"
        " correct it there, or press Add again to write this down as well."
    )


class _Taken(Exception):
    """Another request with this key has written the note."""


def once(key: str, asked: Any, by: Principal, change: Callable[[], object]) -> None:
    """Makes `change`, one governed call, unless the person has made it with this key before.
    Raises `OtherText` where what was made with it was something else."""
    if not key:
        change()
        return
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
    if _is_made(key, digest, by):
        return

    def around(run: Callable[[], Any]) -> Any:
        _claim(key, digest, by)
        return run()

    try:
        with surrounded(around):
            change()
    except _Taken:
        # At the same time as this one: it is there now, or was undone.
        if not _is_made(key, digest, by):
            raise Conflict from None


def _is_made(key: str, digest: bytes, by: Principal) -> bool:
    found = IdempotencyKey.objects.filter(principal=by.recorded, key=_name(key)).first()
    if found is None:
        return False
    if bytes(found.request_sha256) != digest:
        raise OtherText
    return True


def _claim(key: str, digest: bytes, by: Principal) -> None:
    try:
        IdempotencyKey.objects.create(
            principal=by.recorded, key=_name(key), request_sha256=digest, answer="{}"
        )
    except IntegrityError as error:
        raise _Taken from error
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
        raise Conflict("This is being sent already.", retry_after=1) from error


def _name(key: str) -> str:
    """Apart from the keys that the person's programs choose."""
    return f"page {key}"
