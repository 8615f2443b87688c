"""On-call is paged with nothing but the network, once for each trouble, and told when it is over."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from audit.gate import latch, vectors
from portal import emergency, guard, probes
from portal.lib.heartbeat import ROLES
from portal.management.commands import watchdog as command
from portal.on_call import URGENCY, OnCall
from portal.stack.layout import Layout
from portal.system.runbook import RUNBOOK
from portal.watchdog import Finding, Probe, Report, State, Watchdog
from tests.fakes.pagerduty import PagerDuty


@pytest.fixture
def cloud(tmp_path: Path, settings: Any) -> Iterator[PagerDuty]:
    fake = PagerDuty()
    settings.VAR = Layout(tmp_path)
    settings.EMERGENCY_PAGERDUTY_KEY = "k" * 32
    settings.EMERGENCY_PAGERDUTY_URL = fake.url
    yield fake
    fake.stop()


class Dog:
    """A watchdog with one probe, which finds what the test says, for as long as the test says."""

    def __init__(self, name: str, state_file: Path) -> None:
        self.name, self.on_call = name, OnCall()
        self.finds: Finding | None = Finding(State.OK)
        look = Probe(name, self._look)
        self.dog = Watchdog(probes=[look], state_file=state_file, pager=self.on_call)

    def _look(self) -> Finding:
        if self.finds is None:
            return probes.gate()
        return self.finds

    def beat(self, *, later: float = 0) -> Report:
        """As if what it saw last had been so for `later` seconds."""
        if later:
            seen = self.dog._seen[self.name]
            self.dog._seen[self.name] = type(seen)(
                seen.state, seen.since - timedelta(seconds=later), seen.detail, seen.failed_at
            )
        report = self.dog.beat()
        assert self.on_call._thread
        self.on_call._thread.join(5)
        return report


@pytest.fixture
def dog(cloud: PagerDuty, settings: Any) -> Dog:
    return Dog("worker", settings.VAR.watchdog)


def test_every_probe_has_its_urgency_and_its_runbook() -> None:
    names = {probe.name for probe in command._probes("http://x")}
    assert names == URGENCY.keys()
    assert set(ROLES) <= names <= RUNBOOK.keys()


def test_a_sound_gate_pages_nobody(cloud: PagerDuty, settings: Any) -> None:
    watch = Dog("gate", settings.VAR.watchdog)
    watch.finds = None
    watch.beat()
    assert cloud.events == []


def test_a_gate_that_answers_wrongly_pages_at_once_and_once(
    cloud: PagerDuty, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "failures", lambda: ["a detector sends an alert: answered deny"])
    watch = Dog("gate", settings.VAR.watchdog)
    watch.finds = None
    for _ in range(3):
        assert watch.beat().probes["gate"].state is State.FAILING
    assert latch.closed()
    assert len(cloud.events) == 1
    assert "answered deny" in cloud.summaries[0]
    assert cloud.events[0]["payload"]["custom_details"]["what to do"] == RUNBOOK["gate"].text


def test_a_latch_that_another_process_closed_is_paged_too_and_over_once_released(
    cloud: PagerDuty, settings: Any
) -> None:
    watch = Dog("gate", settings.VAR.watchdog)
    watch.finds = None
    closed = latch.close("rules that are not the pinned ones", {})
    watch.beat()
    assert len(cloud.open) == 1
    latch.open_again(closed.id)
    watch.beat()
    watch.beat()
    assert cloud.open == {}
    assert [e["event_action"] for e in cloud.events] == ["trigger", "resolve"]
    assert cloud.events[0]["dedup_key"] == cloud.events[1]["dedup_key"]


def test_what_is_well_again_by_itself_wakes_nobody(cloud: PagerDuty, dog: Dog) -> None:
    dog.finds = Finding(State.FAILING, "silent for 16 s")
    dog.beat()
    dog.beat(later=20)
    dog.finds = Finding(State.OK)
    dog.beat()
    assert cloud.events == []


def test_what_stays_broken_is_paged_and_then_resolved(cloud: PagerDuty, dog: Dog) -> None:
    dog.finds = Finding(State.FAILING, "silent for 16 s")
    dog.beat()
    for _ in range(3):
        dog.beat(later=31)
    assert len(cloud.events) == 1
    assert "the worker: silent for 16 s" in cloud.summaries[0]
    assert cloud.events[0]["payload"]["severity"] == "error"
    assert emergency.paged() == {"worker"}
    dog.finds = Finding(State.OK)
    dog.beat()
    assert cloud.open == {}
    assert emergency.paged() == set()


def test_a_watchdog_that_starts_anew_still_resolves(
    cloud: PagerDuty, dog: Dog, settings: Any
) -> None:
    dog.finds = Finding(State.FAILING)
    dog.beat()
    dog.beat(later=31)
    assert len(cloud.open) == 1
    Dog("worker", settings.VAR.watchdog).beat()
    assert cloud.open == {}


def test_what_lasts_is_told_again_and_stays_one_incident(cloud: PagerDuty, dog: Dog) -> None:
    """Another machine that is well again may have closed what is still broken here."""
    dog.finds = Finding(State.FAILING)
    dog.beat()
    dog.beat(later=31)
    mark = emergency._mark("worker")
    os.utime(mark, (time.time() - 301,) * 2)
    dog.beat()
    assert [len(events) for events in cloud.open.values()] == [2]


def test_what_was_not_accepted_is_tried_again_and_said(cloud: PagerDuty, dog: Dog) -> None:
    cloud.status = 500
    dog.finds = Finding(State.FAILING)
    dog.beat()
    dog.beat(later=31)
    assert "500" in dog.beat().unpaged
    cloud.status = 202
    dog.beat()
    assert dog.beat().unpaged == ""
    assert len(cloud.open) == 1


def test_a_shared_trouble_is_one_incident_a_local_one_is_one_for_each_machine(
    cloud: PagerDuty,
) -> None:
    emergency.page("worker", "x", is_here=False)
    emergency.page("disk", "x", is_here=True)
    shared, local = (event["dedup_key"] for event in cloud.events)
    assert os.uname().nodename not in shared
    assert os.uname().nodename in local


def test_a_long_text_is_cut_and_taken(cloud: PagerDuty) -> None:
    assert emergency.page("worker", "x" * 5000, is_here=False)


def test_without_a_key_nobody_is_paged_and_that_is_said(cloud: PagerDuty, settings: Any) -> None:
    settings.EMERGENCY_PAGERDUTY_KEY = ""
    with capture_logs() as logs:
        assert emergency.page("x", "The gate is latched", is_here=True) is False
    assert logs[0]["event"] == "nobody_paged"


def silent(settings: Any, seconds: float) -> None:
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    settings.VAR.watchdog.write_text(json.dumps({"beat_at": at.isoformat(), "probes": {}}))


def test_a_silent_watchdog_is_paged_by_the_web_and_over_once_it_looks_again(
    cloud: PagerDuty, settings: Any
) -> None:
    silent(settings, 90)
    guard.look(time.time() - 100)
    guard.look(time.time() - 100)
    assert len(cloud.events) == 1
    assert "the watchdog has been silent for 90 s" in cloud.summaries[0]
    silent(settings, 1)
    guard.look(time.time() - 100)
    assert cloud.open == {}


@pytest.mark.parametrize("seconds", [90, 10_000])
def test_a_web_process_that_has_just_begun_waits_for_it(
    cloud: PagerDuty, settings: Any, seconds: float
) -> None:
    silent(settings, seconds)
    guard.look(time.time() - 5)
    assert cloud.events == []


def test_one_that_never_ran_is_silent_as_well(cloud: PagerDuty) -> None:
    guard.look(time.time() - 61)
    assert len(cloud.events) == 1


def test_where_it_cannot_be_paged_the_web_goes_on(cloud: PagerDuty, settings: Any) -> None:
    cloud.status = 500
    silent(settings, 90)
    with capture_logs() as logs:
        guard.look(time.time() - 100)
    assert "nobody_paged" in {line["event"] for line in logs}
