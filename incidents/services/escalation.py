"""Pages the next team where nobody acknowledges in time."""

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import ClockLeg, Escalation, Incident, Team
from incidents.models.notification import Reason
from incidents.procedure import State
from incidents.selectors.addressees import of_teams, rule_of
from incidents.services.entries import Kind, entry_add
from incidents.services.locking import incident_lock
from incidents.services.telling import tell
from portal.lib.errors import Conflict


@governed(actions.ESCALATE, on="incident")
def incident_escalate(
    *, incident: Incident, by: Principal, leg: ClockLeg, level: int, team: Team | None
) -> Escalation:
    """Raises `Conflict` where somebody has acknowledged meanwhile, or this level was paged already."""
    locked = incident_lock(incident)
    if locked.state != State.NOTIFIED:
        message = f"{locked.number} is {locked.get_state_display().lower()} by now."
        raise Conflict(message)
    if _is_superseded(leg) or Escalation.objects.filter(leg=leg, level__gte=level).exists():
        message = f"Level {level} of {locked.number} is no longer due."
        raise Conflict(message)
    record = current()
    escalation = Escalation.objects.create(
        incident=locked, leg=leg, level=level, team=team, escalated_at=record.at
    )
    told = tell(locked, Reason.ESCALATED, of_teams([team], rule_of(locked.severity)))
    record.note(incident=locked.number, level=level, team=team.slug if team else None)
    whom = team.name if team else "the channels that all teams share"
    count = f"{len(told)} message{'' if len(told) == 1 else 's'}"
    entry_add(locked, Kind.NOTIFICATION, f"Not acknowledged in time. Escalated to {whom}: {count}.")
    return escalation


def _is_superseded(leg: ClockLeg) -> bool:
    return ClockLeg.objects.filter(
        incident=leg.incident_id, kind=leg.kind, cycle=leg.cycle, position__gt=leg.position
    ).exists()
