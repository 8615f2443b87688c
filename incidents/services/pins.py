"""Keeps what matters on top of a timeline."""

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Incident, PinnedEntry, TimelineEntry
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, NotFound

# More than that are no longer what matters.
MAX_PINS = 10


@governed(actions.PIN, on="incident")
def entry_pin(*, incident: Incident, by: Principal, entry: TimelineEntry) -> PinnedEntry:
    """Any entry of the incident that was not corrected."""
    if entry.incident_id != incident.pk:
        raise NotFound
    locked = incident_lock(incident)
    if TimelineEntry.objects.filter(supersedes=entry).exists():
        raise Conflict("This note was corrected; pin the newer one.")
    if PinnedEntry.objects.filter(entry=entry).exists():
        raise Conflict("This entry is pinned already.")
    return pin(locked, entry)


@governed(actions.UNPIN, on="incident")
def entry_unpin(*, incident: Incident, by: Principal, entry: TimelineEntry) -> None:
    locked = incident_lock(incident)
    found = PinnedEntry.objects.filter(incident=locked, entry=entry).first()
    if found is None:
        raise Conflict("This entry is not pinned.")
    current().note(entry=entry.pk)
    found.delete()


def pin(locked: Incident, entry: TimelineEntry) -> PinnedEntry:
    """Within a governed call that has locked the incident."""
    if locked.pins.count() >= MAX_PINS:
        message = f"At most {MAX_PINS} entries are pinned; take one off first."
        raise Conflict(message)
    record = current()
    record.note(entry=entry.pk)
    return PinnedEntry.objects.create(
        incident=locked,
        entry=entry,
        pinned_at=record.at,
        pinned_by=record.request.principal.recorded,
    )


def move_pin(earlier: TimelineEntry, entry: TimelineEntry) -> None:
    """To the correction of a pinned entry."""
    found = PinnedEntry.objects.filter(entry=earlier).first()
    if found is not None:
        found.entry = entry
        found.save(update_fields=["entry"])
        current().note(pin_moved_from=earlier.pk)
