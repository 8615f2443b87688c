"""Readable field diffs (django-simple-history): each history row carries its ledger event's id."""

from typing import Any

from django.apps import apps
from django.db import models
from django.dispatch import receiver
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from audit import record
from audit.ledger.spill import HistoryTable


class EventLink(models.Model):
    """The base of all history tables. Rows are only ever added, within the event they name."""

    event_id = models.BigIntegerField(db_index=True)

    class Meta:
        abstract = True


def history_tables() -> tuple[HistoryTable, ...]:
    """Of all models that keep a history."""
    models_kept = [model for model in apps.get_models() if issubclass(model, EventLink)]
    return tuple(
        HistoryTable(
            kept.instance_type._meta.db_table,  # type: ignore[attr-defined] # simple-history puts it there
            kept._meta.db_table,
            kept.instance_type._meta.pk.column,  # type: ignore[attr-defined] # the same
        )
        for kept in models_kept
    )


def history(**options: Any) -> HistoricalRecords:
    return HistoricalRecords(
        bases=[EventLink],
        history_change_reason_field=models.TextField(default="", blank=True),
        **options,
    )


@receiver(pre_create_historical_record)
def carry_event(history_instance: Any, **_kwargs: object) -> None:
    current = record.current()
    history_instance.event_id = current.id
    history_instance.history_date = current.at
    history_instance.history_user = current.request.principal.user
    history_instance.history_change_reason = str(current.data.get("reason", ""))
