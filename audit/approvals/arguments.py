"""A call's arguments as JSON, so that what runs later is exactly what was approved.

A row that is there goes in by its key, and its version where it counts one: a row that has moved on
by the time of the execution is a conflict there, as for everybody else. A row that the call makes
goes in by its fields; one that it changes (`carries`), by those that differ from what is stored,
each with what it was and what it becomes.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from importlib import import_module
from typing import Any
from uuid import UUID

import rfc8785
from django.apps import apps
from django.db import models

from audit.secrecy import names_a_secret
from portal.lib.errors import Conflict


class CannotBeAsked(Exception):
    """This call cannot be put up for approval: it holds something that cannot be kept."""


def encode(arguments: Mapping[str, Any], *, carries: tuple[str, ...] = ()) -> dict[str, Any]:
    """All but `by`, the requester, who is on the request itself. `carries` names the rows whose
    fields, as they are in memory, are what the call saves. Raises `CannotBeAsked`."""
    return {
        name: _changed(value) if name in carries else _named(name, value)
        for name, value in arguments.items()
        if name != "by"
    }


def digest(service: str, encoded: Mapping[str, Any]) -> str:
    body = rfc8785.dumps({"service": service, "arguments": dict(encoded)})
    return hashlib.sha256(body).hexdigest()


def _named(name: str, value: Any) -> Any:
    # Whatever a call is made of: an argument, a field of a row, an item of what a form sent.
    if isinstance(value, str) and value and names_a_secret(name):
        msg = f"{name} may be a secret, and is not kept"
        raise CannotBeAsked(msg)
    return _encode(value)


def _encode(value: Any) -> Any:  # noqa: PLR0911 - one kind of value after the other
    if isinstance(value, Enum):
        return {"enum": _path(type(value)), "value": value.value}
    if value is None or isinstance(value, str | int | bool | float):
        return value
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    if isinstance(value, models.Model):
        return _new(value) if value._state.adding else _row(value)
    if isinstance(value, Mapping):
        return {"map": {str(key): _named(str(key), item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [_encode(item) for item in value]}
    # Bytes among them: digests and salts of secrets, which are kept where they belong alone.
    msg = f"a {type(value).__name__} cannot be put up for approval"
    raise CannotBeAsked(msg)


def _row(row: models.Model) -> dict[str, Any]:
    version = getattr(row, "version", None)
    return {"model": row._meta.label, "pk": str(row.pk), "version": version}


def _new(row: models.Model) -> dict[str, Any]:
    fields = {
        field.attname: _named(field.attname, getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if not (field.primary_key and row.pk is None)
    }
    return {"new": row._meta.label, "fields": fields}


def _changed(row: models.Model) -> dict[str, Any]:
    if row._state.adding:
        return _new(row)
    stored = type(row)._base_manager.get(pk=row.pk)
    changes = {
        field.attname: {
            "from": _named(field.attname, getattr(stored, field.attname)),
            "to": _named(field.attname, getattr(row, field.attname)),
        }
        for field in row._meta.concrete_fields
        if getattr(stored, field.attname) != getattr(row, field.attname)
    }
    return {**_row(row), "changes": changes}


def decode(encoded: Mapping[str, Any]) -> dict[str, Any]:
    """Raises `ObjectDoesNotExist` where a row is gone, and `Conflict` where what a call was to
    change has changed since."""
    return {name: _decode(value) for name, value in encoded.items()}


def _decode(value: Any) -> Any:  # noqa: C901, PLR0911 - one kind of value after the other
    match value:
        case {"enum": path, "value": member}:
            return resolve(path)(member)
        case {"instant": text}:
            return datetime.fromisoformat(text)
        case {"day": text}:
            return date.fromisoformat(text)
        case {"seconds": seconds}:
            return timedelta(seconds=seconds)
        case {"uuid": text}:
            return UUID(text)
        case {"new": label, "fields": fields}:
            return apps.get_model(label)(**{name: _decode(of) for name, of in fields.items()})
        case {"model": label, "pk": pk, "version": version}:
            row = apps.get_model(label)._default_manager.get(pk=pk)
            _apply(row, value.get("changes", {}))
            if version is not None:
                row.version = version
            return row
        case {"map": items}:
            return {name: _decode(item) for name, item in items.items()}
        case {"list": items}:
            return [_decode(item) for item in items]
    return value


def _apply(row: models.Model, changes: Mapping[str, Any]) -> None:
    for name, change in changes.items():
        if getattr(row, name) != _decode(change["from"]):
            message = f"The {name.replace('_', ' ')} has changed since this was asked for."
            raise Conflict(message)
        setattr(row, name, _decode(change["to"]))


def _path(found: type) -> str:
    return f"{found.__module__}:{found.__qualname__}"


def resolve(path: str) -> Any:
    """What `module:name` names. The paths are our own, from governed rows."""
    module, _, qualname = path.partition(":")
    found: Any = import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name)
    return found
