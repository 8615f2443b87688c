"""What a timeline shows: entries by when they happened, narrowed by what somebody looks for, what is
pinned, and what is attached. The incident itself comes from `incident_get`."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from audit.models import User
from audit.principal import PersonName, Principal
from audit.subjects import name_people
from incidents.models import Attachment, Incident, PinnedEntry, TimelineEntry
from incidents.selectors.slices import Slice, take
from incidents.selectors.visibility import incident_get
from portal.lib.errors import NotFound

Kind = TimelineEntry.Kind
MAX_TEXT = 200
MAX_AUTHORS = 100
# What people look for, each as the kinds that it holds.
KINDS: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "notes": ("Notes", (Kind.NOTE,)),
    "steps": ("Steps, severity, roles", (Kind.TRANSITION, Kind.SEVERITY, Kind.ROLE)),
    "alerts": ("Alerts", (Kind.ALERT,)),
    "pages": ("Pages and tickets", (Kind.NOTIFICATION,)),
    "status": ("Status updates", (Kind.STATUS_UPDATE,)),
    "approvals": ("Approvals", (Kind.APPROVAL,)),
    "clocks": ("Clocks", (Kind.CLOCK,)),
    "after": ("Postmortem, evidence", (Kind.POSTMORTEM, Kind.EVIDENCE)),
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a timeline: the entries before it are older."""

    occurred_at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """All of it together. `kind` is one of `KINDS`; `author` a user name, or any author as recorded."""

    kind: str = ""
    author: str = ""
    text: str = ""
    is_pinned: bool = False
    has_files: bool = False

    def __bool__(self) -> bool:
        return self != TimelineFilter()

    def apply(self, entries: QuerySet[TimelineEntry]) -> QuerySet[TimelineEntry]:
        if self.kind:
            entries = entries.filter(kind__in=KINDS[self.kind][1])
        if self.author:
            entries = entries.filter(author__in=_authors(self.author))
        for word in self.text.split():
            entries = entries.filter(text__icontains=word)
        if self.is_pinned:
            entries = entries.filter(pin__isnull=False)
        if self.has_files:
            entries = entries.filter(Exists(Attachment.objects.filter(entry=OuterRef("pk"))))
        return entries


def _authors(name: str) -> list[str]:
    """As entries have it: by commitment, or by the name itself in those of earlier releases."""
    found = User.objects.filter(username=name).first()
    names = [name] if ":" in name else [f"user:{name}"]
    return [*names, PersonName(found).recorded] if found else names


def timeline(
    incident: Incident,
    wanted: TimelineFilter | None = None,
    *,
    before: Cursor | None = None,
    limit: int,
) -> Slice[TimelineEntry]:
    """Newest first, by when it happened."""
    entries = _entries(incident, wanted).order_by("-occurred_at", "-id")
    if before is not None:
        entries = entries.filter(occurred_at__lte=before.occurred_at).exclude(
            occurred_at=before.occurred_at, id__gte=before.id
        )
    found = take(entries, limit)
    _name(found.rows)
    return found


def timeline_since(
    incident: Incident, entry: int, wanted: TimelineFilter | None = None, *, limit: int
) -> Slice[TimelineEntry]:
    """What was recorded after an entry, with the older entries that it corrects."""
    newer = take(_entries(incident, wanted).filter(pk__gt=entry).order_by("-id"), limit)
    corrected = incident.timeline.filter(pk__gt=entry, supersedes__pk__lte=entry)
    newer.rows.extend(_entries(incident).filter(pk__in=corrected.values("supersedes")))
    _name(newer.rows)
    return newer


def newest_entry(incident: Incident) -> int:
    """The id of the entry that was recorded last; 0 before the first."""
    return incident.timeline.order_by("-id").values_list("pk", flat=True).first() or 0


def pinned(incident: Incident) -> list[PinnedEntry]:
    """Those pinned last first."""
    pins = list(incident.pins.select_related("entry").prefetch_related("entry__attachments"))
    name_people([pin.entry for pin in pins], "author", "text")
    return pins


def authors(incident: Incident) -> list[str]:
    """Who wrote in it, by name: people first."""
    found = incident.timeline.order_by().values("author").distinct()[:MAX_AUTHORS]
    rows = [TimelineEntry(author=row["author"]) for row in found]
    name_people(rows, "author")
    names = {row.author.removeprefix("user:") for row in rows}
    return sorted(names, key=lambda name: (":" in name, name))


def attachment_get(who: User | Principal, number: int, pk: int) -> Attachment:
    """Seen by whoever may see its incident. Raises `NotFound`."""
    incident = incident_get(who, number)
    found = (
        Attachment.objects.select_related("entry__incident")
        .filter(pk=pk, entry__incident=incident)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _name(entries: list[TimelineEntry]) -> None:
    """Who wrote them, and who corrected them, by name."""
    corrections = [getattr(entry, "superseded_by", None) for entry in entries]
    name_people([*entries, *filter(None, corrections)], "author", "text")


def _entries(incident: Incident, wanted: TimelineFilter | None = None) -> QuerySet[TimelineEntry]:
    entries = incident.timeline.select_related("superseded_by", "supersedes", "pin")
    entries = entries.prefetch_related("attachments")
    return wanted.apply(entries) if wanted else entries
