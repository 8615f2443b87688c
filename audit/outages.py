"""What could not be recorded, rebuilt from the journal after the recovery and put before a person.

Each window is checked as it is found: the chain of the writer's files, what was meant against what
the ledger has, and the ledger's events of that time against the lines that meant them. Only what
this machine's processes wrote is known here; each machine's own worker finds its own.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit import journal
from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.journal import line, names
from audit.journal.errors import Damage
from audit.journal.reader import read
from audit.journal.windows import Window, windows
from audit.models import Event, Outage
from audit.principal import Principal, system
from audit.record import current
from portal.lib.errors import Conflict, FieldError, ValidationFailed

OPEN = Action("audit:outage:open", event="outage_found", is_for_system=True)
REVIEW = Action("audit:outage:review", event="outage_reviewed", permission="audit.review_outage")

MOST_EVENTS = 10_000
MOST_PROBLEMS = 20
MOST_UNREVIEWED = 100
# An event that was about to be recorded as it began may have drawn its number before.
BEFORE = timedelta(minutes=1)


def outages_find() -> int:
    """Puts every window that has ended on record, for review. Idempotent."""
    found = 0
    for window in windows(journal.directory()):
        if Outage.objects.filter(writer=window.writer, seq=window.seq).exists():
            continue
        resource = Resource("audit.outage", f"{window.writer}:{window.seq}")
        try:
            _open(found=resource, window=window, by=system("worker"))
        except IntegrityError:
            # Another worker found it at once; anything else, the next run meets again.
            if not Outage.objects.filter(writer=window.writer, seq=window.seq).exists():
                raise
            continue
        found += 1
    return found


@governed(OPEN, on="found")
def _open(*, found: Resource, window: Window, by: Principal) -> Outage:
    began, ended = _instant(window.began), _instant(window.ended)
    explained = _explained(window)
    problems = [*_contradictions(explained), *_problems(UUID(window.writer), began, ended)]
    outage = Outage.objects.create(
        source=window.source,
        writer=window.writer,
        seq=window.seq,
        began_at=min(began, ended),
        ended_at=ended,
        why=window.why,
        refused=window.refused,
        explained=explained,
        problems=problems[:MOST_PROBLEMS],
        verified_at=current().at,
    )
    current().target = f"audit.outage:{outage.pk}"
    current().note(
        source=window.source,
        began=window.began,
        ended=window.ended,
        refused=window.refused,
        why=window.why,
        problems=len(problems),
    )
    return outage


@governed(REVIEW, on="outage")
def outage_review(*, outage: Outage, by: Principal, review: str) -> Outage:
    if not review.strip():
        raise ValidationFailed([FieldError("review", "Say what was found, and what follows.")])
    locked = Outage.objects.select_for_update(of=("self",)).get(pk=outage.pk)
    if locked.reviewed_at is not None:
        raise Conflict("This was reviewed already.")
    locked.reviewed_at, locked.reviewed_by = current().at, by.user
    locked.review = review.strip()
    locked.save(update_fields=["reviewed_at", "reviewed_by", "review"])
    current().note(reason=locked.review)
    return locked


def outages_unreviewed() -> int:
    """At most `MOST_UNREVIEWED`."""
    return len(Outage.objects.filter(reviewed_at=None).values_list("pk")[:MOST_UNREVIEWED])


def _explained(window: Window) -> list[dict[str, Any]]:
    """What was meant, each with what came of it by the ledger's own word."""
    numbers = [meant.event for meant in window.meant if meant.event is not None]
    there = set(Event.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    return [
        {
            "at": meant.at,
            "actor": meant.actor,
            "action": meant.action,
            "target": meant.target,
            "event": meant.event if meant.event in there else None,
            "is_rolled_back": meant.is_rolled_back,
            "is_refused": meant.is_refused,
            "why": meant.why,
            "trace": meant.trace,
        }
        for meant in window.meant
    ]


def _contradictions(explained: list[dict[str, Any]]) -> list[str]:
    return [
        f"event {meant['event']} was rolled back by the journal's word, yet it is in the ledger"
        for meant in explained
        if meant["is_rolled_back"] and meant["event"] is not None
    ]


def _problems(writer: UUID, began: datetime, ended: datetime) -> list[str]:
    """Of the writer's files, and of its events in that time; empty where all is as it should be."""
    problems, meant = [], set[int]()
    for name in names.files(journal.directory()):
        if name.writer != str(writer):
            continue
        try:
            meant.update(each.seq for each in read(name.path) if each.kind == line.INTENT)
        except Damage as damage:
            problems.append(str(damage))
    events = Event.objects.filter(at__gte=began - BEFORE, at__lte=ended, writer_id=writer)
    rows = list(events.order_by("at", "id").values_list("pk", "writer_seq")[: MOST_EVENTS + 1])
    if len(rows) > MOST_EVENTS:
        problems.append(f"more than {MOST_EVENTS} events of that time: only these were looked at")
    return problems + [
        f"event {number} of that time was meant by no line of the journal"
        for number, seq in rows[:MOST_EVENTS]
        if seq not in meant
    ]


def _instant(text: str) -> datetime:
    return parse_datetime(text) or timezone.now()
