"""What belongs to an incident, for those who want all of the record about it."""

from collections.abc import Iterable

from django.db import models

from audit.search.about import register, rows
from incidents.models import ActionItem, AlertReceipt, Incident, Postmortem


def find(key: str) -> Incident | None:
    """`INC-1042`, or its primary key."""
    digits = key.removeprefix("INC-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
        return None
    return Incident.objects.filter(pk=int(digits)).first()


def belongings(row: models.Model) -> Iterable[str]:
    """Its timeline, clocks and roles change in events of its own; these do not all."""
    if not isinstance(row, Incident):
        return
    yield from (f"{Incident._meta.label_lower}:{row.number}", f"incident:{row.number}")
    yield f"incidents:{row.number}"
    for model in (Postmortem, ActionItem):
        yield f"{model._meta.label_lower}:{row.number}"
    yield from rows(row.alerts.all())
    yield from rows(AlertReceipt.objects.filter(alert__incident=row))


MAX_DIGITS = 18
register(Incident, find, belongings)
