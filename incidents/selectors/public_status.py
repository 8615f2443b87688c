"""What the public is told: whether something is wrong, with what, and how far the work on it is.

Only updates that are public: no title, no note, no person. Restricted incidents and drills do not
exist here. Four queries and bounded sizes, however many incidents there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber

from audit.subjects import name_people
from incidents.models import Incident, Service, StatusUpdate
from incidents.procedure import OPEN
from incidents.publishing import Word
from incidents.severity import Severity

MOST = 30
MOST_PAST = 20
MOST_UPDATES = 10
MOST_SERVICES = 200
PAST = timedelta(days=7)
# By the worst that is not resolved: of all, and of one service.
OVERALL = {
    Severity.P0: "Major outage",
    Severity.P1: "Partial outage",
    Severity.P2: "Degraded",
    Severity.P3: "Minor problems",
}
OF_SERVICE = {**OVERALL, Severity.P0: "Outage"}
ALL_WELL = "All systems operational"
WELL = "Operational"


@dataclass(frozen=True, slots=True)
class Update:
    id: int
    status: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """`updates` has at least one, the newest first."""

    number: str
    service: str
    severity: str
    since: datetime
    updates: list[Update] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.updates[0].status


@dataclass(frozen=True, slots=True)
class ServiceState:
    name: str
    status: str

    @property
    def is_well(self) -> bool:
        return self.status == WELL


@dataclass(frozen=True, slots=True)
class Told:
    state: str
    services: list[ServiceState]
    incidents: list[Published]
    past: list[Published]


def told(now: datetime) -> Told:
    """The worst first, then the newest; what is past, by when it was resolved."""
    open_ones, ended = list(_open()[:MOST]), list(_resolved_since(now - PAST)[:MOST_PAST])
    updates = _updates([*open_ones, *ended])
    incidents, past = _published(open_ones, updates), _published(ended, updates)
    worst = min((each.severity for each in incidents), default=None)
    state = OVERALL[Severity(worst)] if worst else ALL_WELL
    return Told(state, _services(incidents), incidents, past)


def told_of(incident: Incident) -> list[StatusUpdate]:
    """The newest of one incident, also those that are not public, with who wrote them by name."""
    found = list(incident.status_updates.all()[:MOST_UPDATES])
    name_people(found, "author")
    return found


def _public() -> QuerySet[Any]:
    newest = StatusUpdate.objects.filter(incident=OuterRef("pk"), is_public=True).order_by("-id")
    return (
        Incident.objects.filter(is_restricted=False, is_drill=False)
        .annotate(
            word=Subquery(newest.values("word")[:1]),
            told_at=Subquery(newest.values("written_at")[:1]),
        )
        .select_related("service")
    )


def _open() -> QuerySet[Any]:
    unresolved = [word for word in Word if word != Word.RESOLVED]
    return _public().filter(state__in=OPEN, word__in=unresolved).order_by("severity", "-id")


def _resolved_since(since: datetime) -> QuerySet[Any]:
    lately = StatusUpdate.objects.filter(
        is_public=True, word=Word.RESOLVED, written_at__gte=since
    ).values("incident")
    return _public().filter(pk__in=lately, word=Word.RESOLVED).order_by("-told_at", "-id")


def _updates(incidents: list[Incident]) -> dict[int, list[Update]]:
    place = Window(RowNumber(), partition_by=F("incident"), order_by=F("id").desc())
    # Asked again whether each is for the public: it may have been restricted just now.
    rows = (
        StatusUpdate.objects.filter(
            incident__in=incidents, incident__is_restricted=False, is_public=True
        )
        .annotate(place=place)
        .filter(place__lte=MOST_UPDATES)
        .order_by("-id")
    )
    found: dict[int, list[Update]] = {}
    for row in rows:
        update = Update(row.pk, row.get_word_display(), row.text, row.written_at)
        found.setdefault(row.incident_id, []).append(update)
    return found


def _published(incidents: list[Incident], updates: dict[int, list[Update]]) -> list[Published]:
    return [
        Published(
            each.number,
            each.service.name if each.service else "",
            each.severity,
            each.detected_at,
            updates[each.pk],
        )
        for each in incidents
        if each.pk in updates
    ]


def _services(incidents: Iterable[Published]) -> list[ServiceState]:
    """Those that are meant for the page, and any other that something published is wrong with."""
    worst: dict[str, str] = {}
    for each in incidents:
        if each.service:
            worst[each.service] = min(each.severity, worst.get(each.service, each.severity))
    listed = Service.objects.filter(is_public=True).order_by("name").values_list("name", flat=True)
    names = sorted({*listed[:MOST_SERVICES], *worst}, key=str.casefold)
    return [
        ServiceState(name, OF_SERVICE[Severity(worst[name])] if name in worst else WELL)
        for name in names
    ]
