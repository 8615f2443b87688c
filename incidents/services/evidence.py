"""Keeps what an incident may need as evidence, and lets go of it: both on record."""

from datetime import datetime, timedelta

from django.db.models import Min

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import EvidenceHold, Incident
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict

# What led to it began before anybody noticed.
BEFORE = timedelta(hours=1)


@governed(actions.HOLD, on="incident")
def evidence_hold(*, incident: Incident, by: Principal) -> EvidenceHold:
    """From an hour before the first sign of it, for its service, until released."""
    locked = incident_lock(incident)
    if locked.evidence_holds.filter(released_at=None).exists():
        message = f"The evidence of {locked.number} is preserved already."
        raise Conflict(message)
    hold = EvidenceHold.objects.create(
        incident=locked,
        services=[locked.service.slug] if locked.service else [],
        since=_first_sign(locked) - BEFORE,
        placed_at=current().at,
        placed_by=by.recorded,
    )
    current().note(since=hold.since.isoformat(), services=hold.services)
    entry_add(locked, Kind.EVIDENCE, f"Evidence preserved: {covered(hold)}")
    return hold


@governed(actions.RELEASE, on="hold", about=("reason",))
def evidence_release(*, hold: EvidenceHold, by: Principal, reason: str) -> EvidenceHold:
    """What it covered goes by the usual retention again."""
    reason = said(reason, "reason")
    incident = incident_lock(hold.incident)
    locked = EvidenceHold.objects.select_for_update().get(pk=hold.pk)
    if locked.released_at is not None:
        message = f"The evidence of {incident.number} was released already."
        raise Conflict(message)
    locked.released_at, locked.released_by = current().at, by.recorded
    locked.release_reason = reason
    locked.save()
    current().note(reason=reason)
    entry_add(incident, Kind.EVIDENCE, f"Evidence released: {reason}")
    return locked


def _first_sign(incident: Incident) -> datetime:
    """Of its alerts' own beginnings, as far as they are believable, and its detection."""
    earliest = incident.detected_at - timedelta(days=7)
    begun = incident.alerts.filter(starts_at__gte=earliest).aggregate(at=Min("starts_at"))["at"]
    return min(begun or incident.detected_at, incident.detected_at)


def covered(hold: EvidenceHold) -> str:
    services = ", ".join(hold.services) or "all services"
    return f"logs of {services} from {hold.since:%Y-%m-%d %H:%M} UTC on."
