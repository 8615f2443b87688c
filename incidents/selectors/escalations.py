"""Pages that nobody has acknowledged by their target, and who is next."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from incidents.models import ClockLeg, Escalation, Incident, Team
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.selectors.addressees import responsible, rule_of

# A chain of backups longer than this is no help to anybody.
HIGHEST_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Due:
    """`team` is who is paged; None for the channels that all teams share."""

    incident: Incident
    leg: ClockLeg
    level: int
    team: Team | None


def overdue(at: datetime) -> list[Due]:
    """What is due at an instant; of each incident the next level alone."""
    later = ClockLeg.objects.filter(
        incident=OuterRef("incident"),
        kind=OuterRef("kind"),
        cycle=OuterRef("cycle"),
        position__gt=OuterRef("position"),
    )
    legs = ClockLeg.objects.filter(
        ~Exists(later),
        incident__state=State.NOTIFIED,
        kind=ClockKind.ACKNOWLEDGE,
        phase=ClockLeg.Phase.RUNNING,
        target_at__lte=at,
    ).select_related("incident__service")
    found = [next_level(leg, at) for leg in legs.order_by("target_at", "id")]
    return [due for due in found if due is not None]


def next_level(leg: ClockLeg, at: datetime) -> Due | None:
    """Each level has as long as the target was. None where none is due, or nobody is left."""
    incident, target = leg.incident, leg.target
    if target is None or leg.target_at is None or not rule_of(incident.severity).escalates:
        return None
    level = Escalation.objects.filter(leg=leg).count() + 1
    if level > HIGHEST_LEVEL or at < leg.target_at + (level - 1) * target:
        return None
    chain = _chain(responsible(incident))
    if level < len(chain):
        return Due(incident, leg, level, chain[level])
    if level > 1:
        return None
    # Nobody stands behind them: the same are paged once more.
    return Due(incident, leg, level, chain[0] if chain else None)


def _chain(team: Team | None) -> list[Team]:
    """The team, its backup, and so on, each once."""
    found: list[Team] = []
    while team is not None and team not in found and len(found) <= HIGHEST_LEVEL:
        found.append(team)
        team = team.backup
    return found
