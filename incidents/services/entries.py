from datetime import datetime

from audit.record import current
from incidents.models import Incident, TimelineEntry
from portal.lib.errors import FieldError, ValidationFailed

MAX_TEXT = 10_000
Kind = TimelineEntry.Kind


def entry_add(
    incident: Incident,
    kind: Kind,
    text: str,
    *,
    occurred_at: datetime | None = None,
    supersedes: TimelineEntry | None = None,
) -> TimelineEntry:
    """Writes an entry within the running governed call, as its actor."""
    record = current()
    return TimelineEntry.objects.create(
        incident=incident,
        kind=kind,
        occurred_at=occurred_at or record.at,
        recorded_at=record.at,
        author=record.request.principal.recorded,
        text=text,
        event_id=record.id,
        supersedes=supersedes,
    )


def said(text: str, field: str, *, is_required: bool = True) -> str:
    """The text without blanks around it. Raises `ValidationFailed`."""
    text = text.strip()
    if "\0" in text:
        raise ValidationFailed([FieldError(field, "must not contain NUL characters.")])
    if is_required and not text:
        raise ValidationFailed([FieldError(field, "Please write something here.")])
    if len(text) > MAX_TEXT:
        message = f"{len(text)} characters are too many; {MAX_TEXT} fit."
        raise ValidationFailed([FieldError(field, message)])
    return text
