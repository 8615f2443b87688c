"""What one incident's page shows. The incident itself comes from `incident_get`."""

import hashlib
import json
from typing import Any

from django.db.models import Aggregate, Count, F, Max, Q, QuerySet, Subquery, Sum, Window
from django.db.models.functions import Now

from audit.models import User
from incidents import actions
from incidents.models import (
    Alert,
    ChecklistItem,
    ClockLeg,
    Incident,
    IncidentRole,
    Notification,
    PinnedEntry,
    Postmortem,
)
from incidents.models.incident import RESTRICTED
from incidents.selectors.slices import Slice, newest

_MODEL_BACKEND = "audit.role_backend.RoleBackend"


def digest(value: object) -> str:
    """Of anything made of plain values: the part of an ETag that says what is shown."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:24]


def fingerprint(incident: Incident, *, newest_alerts: int) -> str:
    """Changes whenever something that the war room shows has changed. One query."""
    passed = ClockLeg.objects.filter(incident=incident.pk, target_at__lt=Now())
    shown = Alert.objects.filter(incident=incident.pk).order_by("-id")[:newest_alerts]
    written = Postmortem.objects.filter(incident=incident.pk)
    seen = Alert.objects.filter(pk__in=shown.values("pk"))
    told = Notification.objects.filter(incident=incident.pk)
    checks = ChecklistItem.objects.filter(incident=incident.pk)
    pins = PinnedEntry.objects.filter(incident=incident.pk)
    state = (
        Incident.objects.filter(pk=incident.pk)
        .annotate(
            entry=Subquery(incident.timeline.order_by("-id").values("pk")[:1]),
            passed=_one(passed, Count("pk")),
            alerted=_one(seen, Max("last_seen_at")),
            told=_one(told, Max("pk")),
            tried=_one(told, Sum("rounds")),
            settled=_one(told, Max("settled_at")),
            waiting=_one(told, Count("pk", filter=Q(settled_at=None))),
            checks=_one(checks, Count("pk")),
            checked=_one(checks, Sum("version")),
            pin_count=_one(pins, Count("pk")),
            pinned=_one(pins, Max("pinned_at")),
            pinned_sum=_one(pins, Sum("entry")),
            written=Subquery(written.values("version")[:1]),
        )
        .values_list(
            *("version", "next_target_at", "is_restricted", "entry", "passed", "alerted"),
            *("told", "tried", "settled", "waiting", "written", "checks", "checked"),
            *("pin_count", "pinned", "pinned_sum"),
        )
        .get()
    )
    return digest(state)


def _one(rows: QuerySet[Any], aggregate: Aggregate) -> Subquery:
    return Subquery(rows.order_by().values("incident").annotate(one=aggregate).values("one"))


def alerts(incident: Incident, *, before: int | None = None, limit: int) -> Slice[Alert]:
    return newest(incident.alerts.select_related("source"), before=before, limit=limit)


def alert_counts(incident: Incident) -> dict[str, int]:
    """By status."""
    return dict(incident.alerts.order_by().values_list("status").annotate(Count("pk")))


def newest_legs(incident: Incident) -> list[list[ClockLeg]]:
    """The legs of the newest cycle of each kind of clock, oldest first."""
    legs = (
        incident.clock_legs.annotate(newest=Window(Max("cycle"), partition_by=[F("kind")]))
        .filter(cycle=F("newest"))
        .order_by("kind", "position")
    )
    clocks: dict[str, list[ClockLeg]] = {}
    for leg in legs:
        clocks.setdefault(leg.kind, []).append(leg)
    return list(clocks.values())


def roles(incident: Incident) -> dict[str, IncidentRole]:
    """The roles that are held, by name."""
    held = incident.roles.filter(ended_at=None).select_related("user")
    return {role.role: role for role in held}


def postmortem(incident: Incident) -> Postmortem | None:
    return (
        incident.postmortem_set.select_related("author", "accepted_by", "submitted_by", "incident")
        .order_by("id")
        .first()
    )


def responders(incident: Incident | None = None, *, limit: int) -> list[User]:
    """Who may be given a role: they may work incidents, and see this one."""
    people = User.objects.with_perm(actions.RESPOND, backend=_MODEL_BACKEND).order_by("username")
    if incident is None or not incident.is_restricted:
        return list(people[:limit])
    return [person for person in people[:limit] if person.has_perm(RESTRICTED, incident)]
