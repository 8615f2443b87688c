"""The arithmetic of clocks, by property: no later change ever moves a past verdict."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.sla import ClockState, Leg, Phase, remaining, verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
minutes = st.integers(min_value=0, max_value=600)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def running(began: float, target: float) -> Leg:
    return Leg(Phase.RUNNING, at(began), at(target))


@st.composite
def clocks(draw: st.DrawFn) -> list[Leg]:
    """Legs in order of time, as the services write them."""
    now = draw(minutes)
    legs = [running(now, now + draw(minutes))]
    for phase in draw(st.lists(st.sampled_from([Phase.RUNNING, Phase.PAUSED]), max_size=6)):
        now += draw(minutes)
        target = at(now + draw(minutes)) if phase is Phase.RUNNING else None
        legs.append(Leg(phase, at(now), target))
    end = draw(st.sampled_from([None, Phase.MET, Phase.CANCELLED]))
    if end:
        legs.append(Leg(end, at(now + draw(minutes))))
    return legs


def test_a_clock_runs_until_its_target() -> None:
    legs = [running(0, 5)]
    assert verdict(legs, at(0)).state is ClockState.RUNNING
    assert verdict(legs, at(5)).state is ClockState.RUNNING
    assert verdict(legs, at(5.001)).state is ClockState.BREACHED


def test_met_on_the_very_instant_is_met() -> None:
    assert verdict([running(0, 5), Leg(Phase.MET, at(5))], at(60)).state is ClockState.MET


def test_met_too_late_stays_breached() -> None:
    late = verdict([running(0, 5), Leg(Phase.MET, at(6))], at(60))
    assert (late.state, late.breached_at) == (ClockState.BREACHED, at(5))


def test_a_pause_stops_it_and_a_resumption_gives_back_what_was_left() -> None:
    legs = [running(0, 10), Leg(Phase.PAUSED, at(4))]
    assert verdict(legs, at(1000)).state is ClockState.PAUSED
    assert remaining(legs, at(1000)) == timedelta(minutes=6)


def test_a_breach_is_not_undone_by_a_longer_target() -> None:
    raised = [running(0, 5), running(8, 60)]
    assert verdict(raised, at(9)).state is ClockState.BREACHED
    assert verdict(raised, at(4)).state is ClockState.RUNNING


def test_a_shorter_target_that_has_passed_breaches_when_it_is_set() -> None:
    lowered = verdict([running(0, 60), running(30, 15)], at(31))
    assert (lowered.state, lowered.breached_at) == (ClockState.BREACHED, at(30))


def test_a_clock_knows_nothing_of_the_time_before_it_began() -> None:
    with pytest.raises(ValueError, match="not begun"):
        verdict([running(5, 10)], at(4))


@given(clocks(), minutes, st.lists(minutes, min_size=1, max_size=4))
def test_no_later_leg_moves_a_past_verdict(legs: list[Leg], when: int, later: list[int]) -> None:
    instant = legs[0].began_at + timedelta(minutes=when)
    before = verdict(legs, instant)
    last = max(legs[-1].began_at, instant)
    added = list(legs)
    for gap in later:
        last += timedelta(minutes=gap, microseconds=1)
        added.append(Leg(Phase.RUNNING, last, last + timedelta(minutes=5)))
    assert verdict(added, instant) == before


@given(clocks(), minutes, minutes)
def test_breached_is_for_good(legs: list[Leg], when: int, later: int) -> None:
    first = legs[0].began_at + timedelta(minutes=when)
    second = first + timedelta(minutes=later)
    if verdict(legs, first).state is ClockState.BREACHED:
        assert verdict(legs, second).state in {ClockState.BREACHED, ClockState.CANCELLED}
        assert verdict(legs, second).breached_at == verdict(legs, first).breached_at


@given(clocks(), minutes)
def test_a_breach_lies_between_a_target_and_now(legs: list[Leg], when: int) -> None:
    now = legs[0].began_at + timedelta(minutes=when)
    found = verdict(legs, now)
    if found.breached_at is not None:
        targets = [leg.target_at for leg in legs if leg.target_at is not None]
        assert min(targets) <= found.breached_at <= now


@given(clocks(), minutes)
def test_what_remains_is_never_negative(legs: list[Leg], when: int) -> None:
    assert remaining(legs, legs[-1].began_at + timedelta(minutes=when)) >= timedelta()
