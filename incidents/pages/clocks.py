"""SLA clocks as the war room draws them: a word and an icon for each state, never colour alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from incidents import sla
from incidents.clock_rules import CLOCK_RULES, ClockRule
from incidents.models import ClockLeg, Incident
from incidents.models.clock import ClockKind
from incidents.procedure import State

Tone = Literal["running", "breached", "paused", "met", "idle"]
# The last quarter of a promise is worth a warning.
SOON = 4


@dataclass(frozen=True, slots=True)
class ClockView:
    kind: ClockKind
    promise: str
    tone: Tone
    word: str
    icon: str
    cycle: int = 0
    legs: Sequence[ClockLeg] = ()
    target: timedelta | None = None
    target_at: datetime | None = None
    # While it runs, the deadline that counts down; once it has ended, when.
    running_until: datetime | None = None
    ended_at: datetime | None = None
    left: timedelta | None = None
    is_late: bool = False
    reason: str = ""

    @property
    def can_pause(self) -> bool:
        return self.running_until is not None

    @property
    def can_resume(self) -> bool:
        return self.left is not None

    @property
    def soon_seconds(self) -> int:
        return int((self.target or timedelta()).total_seconds()) // SOON

    @property
    def margin(self) -> timedelta:
        """Between the target and the end: how much too late, or how much to spare."""
        if self.ended_at is None or self.target_at is None:
            return timedelta()
        return abs(self.target_at - self.ended_at)


def clock_views(
    incident: Incident, clocks: Sequence[Sequence[ClockLeg]], at: datetime
) -> list[ClockView]:
    """In the order of the rules. One that this severity promises shows before it has begun, too."""
    begun = {legs[0].kind: legs for legs in clocks}
    views = []
    for rule in CLOCK_RULES:
        if legs := begun.get(rule.kind):
            views.append(_begun(rule, legs, at))
        elif incident.is_open and rule.target(incident.severity) is not None:
            views.append(_not_begun(rule, incident))
    return views


def _not_begun(rule: ClockRule, incident: Incident) -> ClockView:
    return ClockView(
        rule.kind,
        rule.promise,
        tone="idle",
        word="Not started",
        icon="hourglass_empty",
        target=rule.target(incident.severity),
        reason=f"Starts when the incident is {State(rule.starts_at).label.lower()}",
    )


def _begun(rule: ClockRule, legs: Sequence[ClockLeg], at: datetime) -> ClockView:
    pure = [leg.to_leg() for leg in legs]
    # A leg begins at the database's clock, which may be a little ahead of this process's.
    verdict = sla.verdict(pure, max(at, legs[-1].began_at))
    last = legs[-1]
    is_late = verdict.breached_at is not None
    tone, word, icon = _LOOKS[sla.Phase(last.phase), is_late]
    ran = [leg for leg in legs if leg.target is not None]
    return ClockView(
        rule.kind,
        rule.promise,
        tone,
        word,
        icon,
        cycle=last.cycle if rule.is_recurring else 0,
        legs=legs,
        target=ran[-1].target if ran else None,
        target_at=verdict.target_at,
        running_until=last.target_at,
        ended_at=last.began_at if last.phase in {"met", "cancelled"} else None,
        left=sla.remaining(pure, at) if last.phase == "paused" else None,
        is_late=is_late,
        reason=last.reason,
    )


_LOOKS: dict[tuple[sla.Phase, bool], tuple[Tone, str, str]] = {
    (sla.Phase.RUNNING, False): ("running", "Running", "timer"),
    (sla.Phase.RUNNING, True): ("breached", "Breached", "error"),
    (sla.Phase.PAUSED, False): ("paused", "Paused", "pause_circle"),
    (sla.Phase.PAUSED, True): ("breached", "Breached, paused", "pause_circle"),
    (sla.Phase.MET, False): ("met", "Met", "check_circle"),
    (sla.Phase.MET, True): ("breached", "Met late", "error"),
    (sla.Phase.CANCELLED, False): ("idle", "Cancelled", "cancel"),
    (sla.Phase.CANCELLED, True): ("idle", "Cancelled", "cancel"),
}
