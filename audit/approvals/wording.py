"""A request for approval in words: what would be done to what, and with which values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from audit.models import ApprovalRequest
from audit.selectors import in_words

# What only programs read: the versions that two who edit at once are told apart by.
_INTERNAL = {"seen", "version"}


@dataclass(frozen=True, slots=True)
class Line:
    """One value that would be used; `before` is what it replaces, None where it replaces nothing."""

    name: str
    value: str
    before: str | None = None


def doing(action: str) -> str:
    """`incidents:incident:change-severity` is “Change severity”."""
    return action.rpartition(":")[2].replace("-", " ").capitalize()


def target_in_words(target: str) -> str:
    """`incidents.incident:INC-5` is “incident INC-5”."""
    label, _, name = target.partition(":")
    try:
        kind = str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return target
    return f"a new {kind}" if name in {"new", "None"} else f"{kind} {name}"


def lines(asked: ApprovalRequest) -> list[Line]:
    """Every argument: a row that would be made or changed field by field."""
    before = asked.before or {}
    found: list[Line] = []
    for name, value in asked.arguments.items():
        if name in _INTERNAL:
            continue
        match value:
            case {"new": label, "fields": fields}:
                found += _made(label, fields)
            case {"model": label, "changes": changes}:
                found.append(Line(_title(name), argument_in_words(value)))
                found += _changed(label, changes)
            case _:
                was = argument_in_words(before[name]) if name in before else None
                found.append(Line(_title(name), argument_in_words(value), was))
    return found


def _made(label: str, fields: Mapping[str, Any]) -> Iterator[Line]:
    model = apps.get_model(label)
    for name, value in fields.items():
        if value not in (None, ""):
            yield Line(_field_title(model, name), _field_value(model, name, value))


def _changed(label: str, changes: Mapping[str, Any]) -> Iterator[Line]:
    model = apps.get_model(label)
    for name, change in changes.items():
        yield Line(
            _field_title(model, name),
            _field_value(model, name, change["to"]),
            _field_value(model, name, change["from"]),
        )


def _field_title(model: type[models.Model], name: str) -> str:
    try:
        return _title(str(model._meta.get_field(name.removesuffix("_id")).verbose_name))  # type: ignore[union-attr] # concrete
    except FieldDoesNotExist:
        return _title(name)


def _field_value(model: type[models.Model], name: str, value: Any) -> str:
    """A key of another row as that row calls itself."""
    related = next((f for f in model._meta.concrete_fields if f.attname == name), None)
    if related is not None and related.related_model and value is not None:
        row = related.related_model._base_manager.filter(pk=value).first()
        if row is not None:
            return str(row)
    return argument_in_words(value)


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def argument_in_words(value: Any) -> str:  # noqa: PLR0911 - one kind of value after the other
    """One encoded argument, see `audit.approvals.arguments`."""
    match value:
        case {"enum": _, "value": member}:
            return str(member)
        case {"instant": text} | {"day": text} | {"uuid": text}:
            return str(text)
        case {"seconds": seconds}:
            return f"{seconds:g} s"
        case {"new": label, "fields": fields}:
            kind = apps.get_model(label)._meta.verbose_name
            given = {name: of for name, of in fields.items() if of not in (None, "")}
            return f"a new {kind}: {argument_in_words({'map': given})}"
        case {"model": label, "pk": pk, "version": version}:
            name = f"{apps.get_model(label)._meta.verbose_name} {pk}"
            return name if version is None else f"{name}, as of version {version}"
        case {"map": items}:
            return ", ".join(f"{name} {argument_in_words(of)}" for name, of in items.items())
        case {"list": items}:
            return ", ".join(argument_in_words(item) for item in items)
    return in_words(value)
