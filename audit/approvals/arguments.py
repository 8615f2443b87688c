"""A call's arguments as JSON, so that what runs later is exactly what was approved.

A model's instance goes in by its key, and its version where it counts one: a row that has moved on
by the time of the execution is a conflict there, as for everybody else.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from importlib import import_module
from typing import Any

import rfc8785
from django.apps import apps
from django.db import models


class CannotBeAsked(Exception):
    """This call cannot be put up for approval: it holds something that is not there yet."""


def encode(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All but `by`: the requester is on the request itself."""
    return {name: _encode(value) for name, value in arguments.items() if name != "by"}


def digest(service: str, encoded: Mapping[str, Any]) -> str:
    body = rfc8785.dumps({"service": service, "arguments": dict(encoded)})
    return hashlib.sha256(body).hexdigest()


def _encode(value: Any) -> Any:
    if isinstance(value, Enum):
        return {"enum": _path(type(value)), "value": value.value}
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, models.Model) and value.pk and not value._state.adding:
        version = getattr(value, "version", None)
        return {"model": value._meta.label, "pk": str(value.pk), "version": version}
    if isinstance(value, Mapping):
        return {"map": {str(key): _encode(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [_encode(item) for item in value]}
    msg = f"a {type(value).__name__} cannot be put up for approval"
    raise CannotBeAsked(msg)


def decode(encoded: Mapping[str, Any]) -> dict[str, Any]:
    """Raises `ObjectDoesNotExist` where a row is gone."""
    return {name: _decode(value) for name, value in encoded.items()}


def _decode(value: Any) -> Any:
    match value:
        case {"enum": path, "value": member}:
            return resolve(path)(member)
        case {"instant": text}:
            return datetime.fromisoformat(text)
        case {"model": label, "pk": pk, "version": version}:
            row = apps.get_model(label)._default_manager.get(pk=pk)
            if version is not None:
                row.version = version
            return row
        case {"map": items}:
            return {name: _decode(item) for name, item in items.items()}
        case {"list": items}:
            return [_decode(item) for item in items]
    return value


def _path(found: type) -> str:
    return f"{found.__module__}:{found.__qualname__}"


def resolve(path: str) -> Any:
    """What `module:name` names. The paths are our own, from governed rows."""
    module, _, qualname = path.partition(":")
    found: Any = import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name)
    return found
