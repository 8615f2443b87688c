"""How a row came to be what it is, in words: field by field where a history is kept of its model,
else event by event. Read-only; the ledger event behind each line is the proof of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from audit.history import EventLink
from audit.models import Event
from audit.selectors import entry_of, summary

SHOWN = 100
_VERBS = {"+": "added", "~": "changed", "-": "deleted"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of one row; `fields` is empty where the model keeps no history. `model` and `pk` say
    which row, where it does."""

    event_id: int
    at: datetime
    who: str
    did: str
    row: str
    reason: str
    fields: list[FieldChange]
    model: type[models.Model] | None = None
    pk: object = None


def row_history(row: models.Model) -> list[Revision]:
    """The latest `SHOWN` revisions of one row, newest first."""
    history = _history_of(type(row))
    if history is not None:
        return _revisions(history._default_manager.filter(**{row._meta.pk.name: row.pk}))
    target = f"{row._meta.label_lower}:{row.pk}"
    return [
        Revision(
            event.pk,
            event.at,
            event.actor,
            event.event.replace("_", " "),
            str(row),
            summary(entry),
            [],
        )
        for event in Event.objects.filter(target=target).order_by("-id")[:SHOWN]
        for entry in [entry_of(event)]
    ]


def event_revisions(event: Event, tables: set[str]) -> list[Revision]:
    """What the event changed, field by field, in those of the changed tables that keep a history."""
    found: list[Revision] = []
    for model in apps.get_models():
        history = _history_of(model)
        if history is not None and model._meta.db_table in tables:
            found += _revisions(history._default_manager.filter(event_id=event.pk))
    return found


def _history_of(model: type[models.Model]) -> Any:
    name = getattr(model._meta, "simple_history_manager_attribute", None)
    history = getattr(model, name).model if name else None
    return history if history is not None and issubclass(history, EventLink) else None


def _revisions(rows: QuerySet[Any]) -> list[Revision]:
    """In two queries, however many rows there are."""
    history = rows.model
    pk = history.instance_type._meta.pk.name
    earlier = history._default_manager.filter(
        **{pk: OuterRef(pk), "history_id__lt": OuterRef("history_id")}
    ).order_by("-history_id")
    relations = [field.name for field in _fields(history) if field.is_relation]
    shown = list(
        rows.annotate(earlier_id=Subquery(earlier.values("history_id")[:1]))
        .select_related("history_user", *relations)
        .order_by("-history_id")[:SHOWN]
    )
    known = {row.history_id: row for row in shown}
    missing = {row.earlier_id for row in shown} - known.keys() - {None}
    if missing:
        known |= history._default_manager.select_related(*relations).in_bulk(missing)
    return [_revision(row, known.get(row.earlier_id)) for row in shown]


def _revision(row: Any, earlier: Any) -> Revision:
    user = row.history_user
    return Revision(
        event_id=row.event_id,
        at=row.history_date,
        who=f"user:{user.username}" if user else "the product",
        did=_VERBS[row.history_type],
        row=f"{row.instance_type._meta.verbose_name} {_name(row)}",
        reason=row.history_change_reason,
        fields=[] if row.history_type == "-" else _changes(row, earlier),
        model=row.instance_type,
        pk=getattr(row, row.instance_type._meta.pk.attname),
    )


def _name(row: Any) -> str:
    try:
        return str(row.instance)
    except AttributeError:
        # What it is called depends on a row that is gone.
        return str(row.instance.pk)


def _changes(row: Any, earlier: Any) -> list[FieldChange]:
    changes = []
    for field in _fields(type(row)):
        before = _shown(earlier, field) if earlier is not None else ""
        after = _shown(row, field)
        if before != after:
            changes.append(FieldChange(str(field.verbose_name), before, after))
    return changes


def _fields(history: Any) -> "list[models.Field[Any, Any]]":
    return [field for field in history.tracked_fields if not field.primary_key]


def _shown(row: Any, field: "models.Field[Any, Any]") -> str:
    value = field.value_from_object(row)
    if value is None or value in ("", []):
        return ""
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if field.is_relation:
        return str(getattr(row, field.name, None) or value)
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
