from collections.abc import Sequence
from datetime import datetime, timedelta

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.attachments import Upload
from incidents.models import Incident, TimelineEntry
from incidents.services.attachments import attach, pass_on
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from incidents.services.pins import move_pin, pin
from portal.lib.errors import FieldError, ValidationFailed


@governed(actions.ANNOTATE, on="incident")
def timeline_note(  # noqa: PLR0913 - all of one entry
    *,
    incident: Incident,
    by: Principal,
    text: str,
    occurred_at: datetime | None = None,
    supersedes: TimelineEntry | None = None,
    attachments: Sequence[Upload] = (),
) -> TimelineEntry:
    """A note; with `supersedes`, the correction of one, which takes over its attachments and its
    pin. Without a text, the attachments' names are the text."""
    # One after the other, so that who asks for what came after an entry misses none.
    locked = incident_lock(incident)
    if supersedes is not None:
        _may_supersede(locked, supersedes)
        current().note(supersedes=supersedes.pk)
    entry = _noted(locked, text, occurred_at, attachments, supersedes)
    if supersedes is not None:
        pass_on(supersedes, entry)
        move_pin(supersedes, entry)
    return entry


@governed(actions.ANNOTATE_PINNED, on="incident")
def timeline_note_pinned(
    *,
    incident: Incident,
    by: Principal,
    text: str,
    occurred_at: datetime | None = None,
    attachments: Sequence[Upload] = (),
) -> TimelineEntry:
    """A note that is pinned from its first moment: both, or neither."""
    locked = incident_lock(incident)
    entry = _noted(locked, text, occurred_at, attachments)
    pin(locked, entry)
    return entry


def _noted(
    incident: Incident,
    text: str,
    occurred_at: datetime | None,
    attachments: Sequence[Upload],
    supersedes: TimelineEntry | None = None,
) -> TimelineEntry:
    text = said(text, "text", is_required=not attachments)
    text = text or f"Attached: {', '.join(upload.name for upload in attachments)}"
    _not_from_the_future(occurred_at)
    current().note(text=text)
    entry = entry_add(incident, Kind.NOTE, text, occurred_at=occurred_at, supersedes=supersedes)
    attach(entry, attachments)
    return entry


def _not_from_the_future(occurred_at: datetime | None) -> None:
    if occurred_at and occurred_at > current().at + timedelta(minutes=5):
        raise ValidationFailed([FieldError("occurred_at", "This lies in the future.")])


def _may_supersede(incident: Incident, entry: TimelineEntry) -> None:
    if entry.incident_id != incident.pk or entry.kind != Kind.NOTE:
        raise ValidationFailed([FieldError("supersedes", "Only notes of this incident.")])
    if TimelineEntry.objects.filter(supersedes=entry).exists():
        message = "That note was already corrected; correct the newer one."
        raise ValidationFailed([FieldError("supersedes", message)])
