from datetime import datetime, timedelta

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Incident, TimelineEntry
from incidents.services.entries import Kind, entry_add, said
from portal.lib.errors import FieldError, ValidationFailed


@governed(actions.ANNOTATE, on="incident")
def timeline_note(
    *,
    incident: Incident,
    by: Principal,
    text: str,
    occurred_at: datetime | None = None,
    supersedes: TimelineEntry | None = None,
) -> TimelineEntry:
    """A note; with `supersedes`, the correction of one."""
    text = said(text, "text")
    _not_from_the_future(occurred_at)
    current().note(text=text)
    if supersedes is not None:
        _may_supersede(incident, supersedes)
        current().note(supersedes=supersedes.pk)
    return entry_add(incident, Kind.NOTE, text, occurred_at=occurred_at, supersedes=supersedes)


def _not_from_the_future(occurred_at: datetime | None) -> None:
    if occurred_at and occurred_at > current().at + timedelta(minutes=5):
        raise ValidationFailed([FieldError("occurred_at", "This lies in the future.")])


def _may_supersede(incident: Incident, entry: TimelineEntry) -> None:
    if entry.incident_id != incident.pk or entry.kind != Kind.NOTE:
        raise ValidationFailed([FieldError("supersedes", "Only notes of this incident.")])
    if TimelineEntry.objects.filter(supersedes=entry).exists():
        message = "That note was already corrected; correct the newer one."
        raise ValidationFailed([FieldError("supersedes", message)])
