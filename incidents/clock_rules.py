"""When each SLA clock starts, what meets it, and what it promises: the standard as data.

Targets come from `severity.DEFINITIONS` and, for the rest, from section XVI of the standard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.models.clock import ClockKind
from incidents.procedure import ENDED, State
from incidents.severity import DEFINITIONS

POLICY_VERSION = "standard-1.0.0"
# Percent of a leg's time after which people are told; the last is the breach.
NOTICES = (50, 75, 90, 100)


@dataclass(frozen=True, slots=True)
class ClockRule:
    """`target` is None for a severity that this clock does not run for."""

    kind: ClockKind
    starts_at: State
    met_at: tuple[State, ...]
    target: Callable[[str], timedelta | None]
    promise: str
    is_recurring: bool = False


CLOCK_RULES = (
    ClockRule(
        ClockKind.ACKNOWLEDGE,
        starts_at=State.NOTIFIED,
        met_at=(State.ACKNOWLEDGED,),
        target=lambda _severity: timedelta(minutes=5),
        promise="On-call acknowledges within 5 minutes of the page",
    ),
    ClockRule(
        ClockKind.RESPOND,
        starts_at=State.DETECTED,
        met_at=(State.ACKNOWLEDGED,),
        target=lambda severity: DEFINITIONS[severity].response,
        promise="A person has taken it on within the response time of its severity",
    ),
    ClockRule(
        ClockKind.STATUS_UPDATE,
        starts_at=State.ACKNOWLEDGED,
        met_at=(State.DOCUMENTING, *ENDED),
        target=lambda severity: DEFINITIONS[severity].status_update_every,
        promise="P0 every 30 minutes, P1 every 2 hours, until the fix is verified",
        is_recurring=True,
    ),
    ClockRule(
        ClockKind.POSTMORTEM,
        starts_at=State.DOCUMENTING,
        met_at=(),
        target=lambda severity: (
            timedelta(hours=48) if DEFINITIONS[severity].needs_postmortem else None
        ),
        promise="Accepted within 48 hours of the verified fix",
    ),
)
BY_KIND = {rule.kind: rule for rule in CLOCK_RULES}


def due_at(percent: int, target: timedelta, target_at: datetime) -> datetime:
    """When that part of a leg's time is gone."""
    return target_at - target * (100 - percent) / 100
