"""The arithmetic of SLA clocks: pure, so that every verdict can be replayed from stored legs.

A clock is a list of legs, oldest first, and legs are never changed. A leg holds until the next one
begins. A running leg carries the instant by which it must be met; a pause carries none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    CANCELLED = "cancelled"


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Leg:
    phase: Phase
    began_at: datetime
    target_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`target_at` is the deadline that counts: of the running leg, or of the last that ran."""

    state: ClockState
    target_at: datetime | None
    breached_at: datetime | None


def verdict(legs: Sequence[Leg], at: datetime) -> Verdict:
    """Where the clock stands at an instant. Legs that begin after it are not known yet.

    A deadline is kept by ending its leg no later than it: `[began_at, target_at]` is closed. Once a
    leg has run past its target the clock is breached for good.
    """
    known = [leg for leg in legs if leg.began_at <= at]
    if not known:
        msg = "the clock has not begun at that instant"
        raise ValueError(msg)
    target: datetime | None = None
    breached: datetime | None = None
    for position, leg in enumerate(known):
        if leg.phase is not Phase.RUNNING:
            continue
        target = leg.target_at
        ended = known[position + 1].began_at if position + 1 < len(known) else at
        if target is not None and ended > target:
            # A leg that starts with its target already past is breached from its start.
            breached = min(breached or ended, max(target, leg.began_at))
    last = known[-1].phase
    state = ClockState.BREACHED if breached and last is not Phase.CANCELLED else ClockState(last)
    return Verdict(state, target, breached)


def remaining(legs: Sequence[Leg], at: datetime) -> timedelta:
    """What is left of the last running leg at an instant: what a pause keeps and a resume gives back.

    Never negative.
    """
    for position in range(len(legs) - 1, -1, -1):
        leg = legs[position]
        if leg.phase is Phase.RUNNING and leg.target_at is not None:
            ended = legs[position + 1].began_at if position + 1 < len(legs) else at
            return max(leg.target_at - ended, timedelta())
    msg = "the clock never ran"
    raise ValueError(msg)
