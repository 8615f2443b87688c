"""What the public is told: whether something is wrong, since when, and how far the work on it is.

Only of incidents that somebody has acknowledged, which is what publishes "Investigating". No title,
no text, no person; restricted incidents and drills do not exist here, and P3 concerns nobody outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.models import Incident
from incidents.procedure import State
from incidents.severity import Severity

MOST = 50
WORDS: Mapping[str, str] = {
    State.ACKNOWLEDGED: "Investigating",
    State.CONTAINED: "Investigating",
    State.INVESTIGATING: "Investigating",
    State.FIXING: "Identified",
    State.VERIFYING: "Monitoring",
    State.DOCUMENTING: "Resolved",
    State.POSTMORTEM: "Resolved",
}
RESOLVED = "Resolved"
# By the worst that is not resolved.
OVERALL = {
    Severity.P0: "Major outage",
    Severity.P1: "Partial outage",
    Severity.P2: "Degraded",
}
ALL_WELL = "All systems operational"


@dataclass(frozen=True, slots=True)
class Published:
    number: str
    service: str
    status: str
    since: datetime
    severity: str


def published() -> list[Published]:
    """The worst first, then the newest."""
    found = (
        Incident.objects.filter(
            is_restricted=False, is_drill=False, state__in=list(WORDS), severity__in=list(OVERALL)
        )
        .select_related("service")
        .order_by("severity", "-id")[:MOST]
    )
    return [
        Published(
            each.number,
            each.service.name if each.service else "",
            WORDS[each.state],
            each.detected_at,
            each.severity,
        )
        for each in found
    ]


def overall(incidents: list[Published]) -> str:
    worst = min((each.severity for each in incidents if each.status != RESOLVED), default=None)
    return OVERALL[Severity(worst)] if worst else ALL_WELL
