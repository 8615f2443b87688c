"""The dashboard, the list of incidents and the list of receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from audit.models import User
from incidents.models import AlertReceipt, Incident, IncidentRole
from incidents.procedure import ENDED, OPEN, State
from incidents.selectors.slices import Slice, newest
from incidents.selectors.visibility import incidents_visible_to, receipts_visible_to
from incidents.severity import Severity

LONGEST_BIGINT = 18  # digits that surely fit


@dataclass(frozen=True, slots=True)
class Row:
    incident: Incident
    commander: User | None


@dataclass(frozen=True, slots=True)
class Group:
    """The open incidents of one severity, the nearest deadline first."""

    severity: Severity
    rows: list[Row]
    total: int
    breached: int


def with_commanders(incidents: Sequence[Incident]) -> list[Row]:
    roles = IncidentRole.objects.filter(
        incident__in=[incident.pk for incident in incidents],
        role=IncidentRole.Role.COMMANDER,
        ended_at=None,
    ).select_related("user")
    commanders = {role.incident_id: role.user for role in roles} if incidents else {}
    return [Row(incident, commanders.get(incident.pk)) for incident in incidents]


def open_by_severity(user: User, *, limit: int) -> list[Group]:
    """At most `limit` rows a severity. A deadline that has passed sorts before all that have not."""
    visible = incidents_visible_to(user).filter(state__in=OPEN)
    counts = {
        severity: (total, breached)
        for severity, total, breached in visible.order_by()
        .values("severity")
        .annotate(total=Count("pk"), breached=Count("pk", filter=Q(next_target_at__lt=Now())))
        .values_list("severity", "total", "breached")
    }
    by_deadline = visible.select_related("service").order_by(
        F("next_target_at").asc(nulls_last=True), "id"
    )
    found = [
        incident
        for severity in Severity
        for incident in by_deadline.filter(severity=severity)[:limit]
    ]
    rows = with_commanders(found)
    return [
        Group(
            severity,
            [row for row in rows if row.incident.severity == severity],
            *counts.get(severity, (0, 0)),
        )
        for severity in Severity
    ]


def unacknowledged(user: User, *, limit: int) -> list[Incident]:
    """What waits for somebody to acknowledge it, the gravest and most urgent first."""
    waiting = incidents_visible_to(user).filter(state=State.NOTIFIED).select_related("service")
    by_deadline = F("next_target_at").asc(nulls_last=True)
    return list(waiting.order_by("severity", by_deadline, "id")[:limit])


def last_ended(user: User) -> Incident | None:
    return incidents_visible_to(user).filter(state__in=ENDED).order_by("-id").first()


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """What the list is narrowed to; empty fields narrow nothing. `state` may be open or ended."""

    state: str = ""
    severity: str = ""
    service: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    def apply(self, incidents: QuerySet[Incident]) -> QuerySet[Incident]:
        wanted = Q()
        if self.state:
            states = {"open": OPEN, "ended": ENDED}.get(self.state, (self.state,))
            wanted &= Q(state__in=states)
        if self.severity:
            wanted &= Q(severity=self.severity)
        if self.service is not None:
            wanted &= Q(service=self.service)
        if self.since is not None:
            wanted &= Q(detected_at__gte=self.since)
        if self.until is not None:
            wanted &= Q(detected_at__lt=self.until)
        if self.text:
            wanted &= _mentions(self.text)
        return incidents.filter(wanted)


def _mentions(text: str) -> Q:
    """Its number, as `INC-1042` or `1042`, or all of these words in its title."""
    titled = Q(*(Q(title__icontains=word) for word in text.split()[:8]))
    number = text.strip().upper().removeprefix("INC-")
    if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_BIGINT):
        return titled
    numbered = Q(pk=int(number))
    return numbered if number != text.strip() else titled | numbered


def incident_list(
    user: User, wanted: IncidentFilter, *, before: int | None = None, limit: int
) -> Slice[Incident]:
    rows = wanted.apply(incidents_visible_to(user)).select_related("service")
    return newest(rows, before=before, limit=limit)


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    fate: str = ""
    source: int | None = None
    key: str = ""

    def apply(self, receipts: QuerySet[AlertReceipt]) -> QuerySet[AlertReceipt]:
        wanted = Q()
        if self.fate:
            wanted &= Q(fate=self.fate)
        if self.source is not None:
            wanted &= Q(source=self.source)
        if self.key:
            wanted &= Q(dedup_key=self.key)
        return receipts.filter(wanted)


def receipt_list(
    user: User, wanted: ReceiptFilter, *, before: int | None = None, limit: int
) -> Slice[AlertReceipt]:
    rows = wanted.apply(receipts_visible_to(user)).select_related("source", "alert__incident")
    return newest(rows, before=before, limit=limit)
