"""Judges clocks again from their stored legs, and says where what was stored or told differs.

What is looked at: that the legs follow one another; that each promised what the policy that it names
promises; that the incident's stored deadline is the nearest of them; and that people were told of
every part of the time that `clock_rules.NOTICES` lists.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from incidents import sla
from incidents.clock_rules import BY_KIND, NOTICES, POLICY_VERSION, due_at
from incidents.models import ClockLeg, Incident
from incidents.models.clock import ClockKind

# Beat looks every 15 s; after this nobody was told in time.
PATIENCE = timedelta(minutes=2)
Phase = ClockLeg.Phase


@dataclass(frozen=True, slots=True)
class Clock:
    kind: ClockKind
    cycle: int
    legs: list[ClockLeg]
    verdict: sla.Verdict
    differences: list[str]


@dataclass(frozen=True, slots=True)
class Replayed:
    incident: Incident
    clocks: list[Clock]
    differences: list[str]

    @property
    def all_differences(self) -> list[str]:
        told = [f"{c.kind} {c.cycle}: {what}" for c in self.clocks for what in c.differences]
        return told + self.differences


def replay(incident: Incident, at: datetime) -> Replayed:
    """As it stood at an instant; legs that begin later are not known yet."""
    legs = incident.clock_legs.filter(began_at__lte=at).prefetch_related("notices")
    grouped = groupby(legs.order_by("kind", "cycle", "position"), key=lambda x: (x.kind, x.cycle))
    clocks = [_clock(kind, cycle, list(of_clock), at) for (kind, cycle), of_clock in grouped]
    return Replayed(incident, clocks, list(_stored_deadline(incident, clocks, at)))


def _clock(kind: str, cycle: int, legs: list[ClockLeg], at: datetime) -> Clock:
    verdict = sla.verdict([leg.to_leg() for leg in legs], at)
    differences = [*_order(legs), *_promises(legs), *_notices(legs, at)]
    return Clock(ClockKind(kind), cycle, legs, verdict, differences)


def _order(legs: list[ClockLeg]) -> Iterator[str]:
    if [leg.position for leg in legs] != list(range(1, len(legs) + 1)):
        yield "a leg is missing"
    for before, after in pairwise(legs):
        if after.began_at < before.began_at:
            yield f"leg {after.position} begins before leg {before.position}"
        if before.phase in {Phase.MET, Phase.CANCELLED}:
            yield f"leg {after.position} begins after the clock had ended"


def _promises(legs: list[ClockLeg]) -> Iterator[str]:
    """A leg after a pause promises what was left; every other one what the policy says."""
    for position, leg in enumerate(legs):
        if leg.phase != Phase.RUNNING or leg.target is None or leg.target_at is None:
            continue
        before = legs[position - 1] if position else None
        if before is not None and before.phase == Phase.PAUSED:
            pure = [each.to_leg() for each in legs[:position]]
            wanted: timedelta | None = sla.remaining(pure, leg.began_at)
            begins = leg.began_at
        elif leg.policy_version != POLICY_VERSION:
            # Made under a policy that this version no longer knows: its own frozen target counts.
            continue
        else:
            wanted, begins = BY_KIND[ClockKind(leg.kind)].target(leg.severity), legs[0].began_at
        if leg.target != wanted:
            yield f"leg {leg.position} promises {leg.target}, the policy says {wanted}"
        if leg.target_at != begins + leg.target:
            yield f"leg {leg.position} is due at {leg.target_at}, not at {begins + leg.target}"


def _notices(legs: list[ClockLeg], at: datetime) -> Iterator[str]:
    for position, leg in enumerate(legs):
        if leg.phase != Phase.RUNNING or leg.target is None or leg.target_at is None:
            continue
        ended = legs[position + 1].began_at if position + 1 < len(legs) else at
        told = {notice.percent for notice in leg.notices.all() if notice.noticed_at <= at}
        for percent in NOTICES:
            due = max(due_at(percent, leg.target, leg.target_at), leg.began_at)
            if percent not in told and ended - due > PATIENCE:
                yield f"leg {leg.position}: nobody was told at {percent} %"


def _stored_deadline(incident: Incident, clocks: Iterable[Clock], at: datetime) -> Iterator[str]:
    """Only as of now: it is not kept what was stored before."""
    newest = {clock.kind: clock for clock in clocks}
    targets = [c.legs[-1].target_at for c in newest.values() if c.legs[-1].target_at is not None]
    nearest = min(targets, default=None)
    is_now = not incident.clock_legs.filter(began_at__gt=at).exists()
    if is_now and incident.next_target_at != nearest:
        yield f"its stored deadline is {incident.next_target_at}, its clocks say {nearest}"
