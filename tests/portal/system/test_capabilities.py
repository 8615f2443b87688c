"""Full, degraded or off, by a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.database import replica
from portal.lib.resilience.policies import POLICIES
from portal.system.capabilities import CAPABILITIES, Capability, Level, judge
from portal.system.findings import Finding
from portal.system.health import judged
from portal.system.runbook import RUNBOOK
from portal.watchdog import State

NAMES = sorted({n for c in CAPABILITIES for n in (*c.needs, *c.without)})


def level(title: str, **states: State) -> Level:
    named = {name.replace("_", "-"): state for name, state in states.items()}
    return next(j.level for j in judge(named) if j.capability.title == title)


def test_when_all_is_well_everything_is_full() -> None:
    assert {each.level for each in judge({})} == {Level.FULL}


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda c: c.title)
def test_each_need_turns_it_off_and_says_which(capability: Capability) -> None:
    for name in capability.needs:
        (found,) = [j for j in judge({name: State.FAILING}) if j.capability is capability]
        assert found.level is Level.OFF
        assert RUNBOOK[name].title in found.because[0]
    for name, text in capability.without.items():
        (found,) = [j for j in judge({name: State.FAILING}) if j.capability is capability]
        assert (found.level, found.because) == (Level.DEGRADED, (text,))


def test_without_the_broker_alerts_still_come_in() -> None:
    assert level("Alerts in", broker=State.FAILING) is Level.DEGRADED


def test_without_the_central_log_the_record_is_still_kept() -> None:
    assert level("The record", journal_central=State.FAILING) is Level.DEGRADED
    assert level("Working incidents", journal_central=State.FAILING) is Level.FULL


def test_a_warning_takes_nothing_away() -> None:
    assert {j.level for j in judge(dict.fromkeys(NAMES, State.WARNING))} == {Level.FULL}


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(State)))
def test_one_more_failure_never_makes_anything_better(states: dict[str, State]) -> None:
    order = [Level.FULL, Level.DEGRADED, Level.OFF]
    before = judge(states)
    for name in NAMES:
        for was, now in zip(before, judge({**states, name: State.FAILING}), strict=True):
            assert order.index(now.level) >= order.index(was.level)


def test_every_finding_has_its_runbook() -> None:
    assert set(NAMES) <= RUNBOOK.keys()
    assert {name for name, row in POLICIES.items() if row.is_measured} <= RUNBOOK.keys()
    assert all(entry.text.endswith(".") for entry in RUNBOOK.values())


def test_with_a_replica_to_read_reading_goes_on_and_nothing_else() -> None:
    states = {"database": State.FAILING}
    levels = {each.capability.title: each.level for each in judge(states, is_read_only=True)}
    assert levels["Reading incidents and the record"] is Level.DEGRADED
    assert levels["Alerts in"] is levels["Working incidents"] is Level.OFF
    without = {each.capability.title: each.level for each in judge(states)}
    assert without["Reading incidents and the record"] is Level.OFF


def test_a_replica_of_which_nothing_is_found_is_one_that_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replica, "is_configured", lambda: True)

    def reading(*found: Finding) -> Level:
        levels = {each.capability.title: each.level for each in judged(list(found))}
        return levels["Reading incidents and the record"]

    away = Finding("database", State.FAILING, "does not answer")
    assert reading(away) is Level.DEGRADED
    assert reading(away, Finding("replica", State.WARNING, "it is behind")) is Level.OFF


def test_without_a_web_process_nothing_is_served() -> None:
    off = {
        each.capability.title for each in judge({"web": State.FAILING}) if each.level is Level.OFF
    }
    assert {
        "Alerts in",
        "Working incidents",
        "Reading incidents and the record",
        "Governance",
    } < off
    assert "Paging on-call" not in off
