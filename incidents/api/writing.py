"""Writes that are safe to repeat.

`Idempotency-Key`: the same principal, key, path and body again gets the first answer again, and
changes nothing; with another path or body, `IDEMPOTENCY_MISMATCH`. The key is written in the
transaction of the change, so a crash never separates them, and of requests at the same time one
waits for the other. Only what succeeded is kept: what failed changed nothing, and is tried anew.

`If-Match`: the version that the caller saw, as in the `ETag` of a GET; `CONFLICT` where it is not
the current one. Without it, the current version counts.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, OperationalError
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from audit.authentication import principal_of
from audit.governed import surrounded
from incidents.models import IdempotencyKey, Incident
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, IdempotencyMismatch, ValidationFailed

R = TypeVar("R")

MAX_KEY = 255
# Weak tags are taken too: proxies that compress make them of ours.
_VERSION = re.compile(r'(?:W/)?"([0-9]{1,9})"')

HEADERS = [
    OpenApiParameter(
        "Idempotency-Key",
        str,
        OpenApiParameter.HEADER,
        description="Up to 255 printable characters. The same request again gets the same answer.",
    ),
    OpenApiParameter(
        "If-Match",
        str,
        OpenApiParameter.HEADER,
        description='The version that you saw, like `"3"`: the `ETag` of a GET.',
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return Response(self.body, status=self.status, headers=self.headers)


class _Taken(Exception):
    """Another request with this key has changed what this one wanted to change."""


def write(
    request: Request,
    change: Callable[[], R],
    show: Callable[[R], Answer],
    *,
    guard: Callable[[], object] | None = None,
) -> Response:
    """Makes `change`, one governed call, and answers what `show` makes of its result.

    `guard` runs first within the transaction, and raises where the change must not happen.
    """
    key = _key(request)
    answers: list[Answer] = []

    def around(run: Callable[[], R]) -> R:
        claimed = _claim(request, key) if key else None
        if guard:
            guard()
        result = run()
        answer = show(result)
        if claimed:
            claimed.answer = json.dumps([answer.body, answer.status, answer.headers])
            claimed.save(update_fields=["answer"])
        answers.append(answer)
        return result

    if kept := _kept(request, key):
        return kept
    try:
        with surrounded(around):
            change()
    except _Taken:
        if kept := _kept(request, key):
            return kept
        raise Conflict from None
    return answers[0].response()


def seen_version(request: Request) -> int | None:
    """The version in `If-Match`; None where the current one will do."""
    raw = request.headers.get("If-Match", "*").strip()
    if raw == "*":
        return None
    found = _VERSION.fullmatch(raw)
    if found is None:
        raise ValidationFailed([FieldError("If-Match", 'must be one version, like "3"')])
    return int(found[1])


def unmoved(request: Request, incident: Incident) -> Callable[[], object] | None:
    """A guard for changes that are no moves: the incident still has the version that was seen."""
    version = seen_version(request)
    return None if version is None else lambda: incident_lock(incident, version=version)


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        message = f"must have 1 to {MAX_KEY} printable characters"
        raise ValidationFailed([FieldError("Idempotency-Key", message)])
    return key


def _digest(request: Request) -> bytes:
    asked = [request.method, request.path, _body(request.data)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()


def _body(data: Any) -> Any:
    """A form's files by what is in them."""
    if not isinstance(data, QueryDict):
        return data
    return {name: [_plain(value) for value in data.getlist(name)] for name in data}


def _plain(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for piece in value.chunks():
        digest.update(piece)
    return [value.name, digest.hexdigest()]


def _claim(request: Request, key: str) -> IdempotencyKey:
    """Waits for another request that is just using this key."""
    try:
        return IdempotencyKey.objects.create(
            principal=principal_of(request).recorded, key=key, request_sha256=_digest(request)
        )
    except IntegrityError as error:
        raise _Taken from error
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
        message = "The first request with this Idempotency-Key is still running."
        raise Conflict(message, retry_after=1) from error


def _kept(request: Request, key: str) -> Response | None:
    if not key:
        return None
    kept = IdempotencyKey.objects.filter(principal=principal_of(request).recorded, key=key).first()
    if kept is None:
        return None
    if bytes(kept.request_sha256) != _digest(request):
        raise IdempotencyMismatch
    body, status, headers = json.loads(kept.answer)
    return Answer(body, status, {**headers, "Idempotency-Replayed": "true"}).response()
