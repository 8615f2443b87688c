"""SLA clocks as the services run them, in time that the tests set."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from audit.ledger import append
from incidents.clock_rules import POLICY_VERSION
from incidents.models import ClockLeg, Incident
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.services.clocks import clock_pause, clock_resume, current_clocks
from incidents.services.incidents import incident_change_severity
from incidents.services.publishing import status_update
from incidents.severity import Severity
from incidents.sla import ClockState, verdict
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed
from tests.incidents.making import accepted, in_state, move, opened
from tests.people import Cast

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
Phase = ClockLeg.Phase


class Time:
    """The database's clock, as the ledger draws it, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        drawn = append.draw

        def draw() -> append.Drawn:
            return append.Drawn(drawn().id, self.now)

        monkeypatch.setattr("audit.record.draw", draw)

    def passes(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def state(incident: Incident, kind: ClockKind, at: datetime) -> ClockState:
    return verdict([leg.to_leg() for leg in current_clocks(incident)[kind]], at).state


def target(incident: Incident, kind: ClockKind) -> datetime | None:
    return current_clocks(incident)[kind][-1].target_at


def change(cast: Cast, incident: Incident, severity: Severity) -> Incident:
    return incident_change_severity(
        incident=incident, by=cast.principal("commander"), severity=severity, reason="because"
    )


@pytest.mark.parametrize(
    ("severity", "within"),
    [
        ("P0", timedelta(minutes=15)),
        ("P1", timedelta(hours=1)),
        ("P2", timedelta(hours=4)),
        ("P3", timedelta(hours=24)),
    ],
)
def test_a_response_is_due_from_detection(
    cast: Cast, time: Time, severity: str, within: timedelta
) -> None:
    incident = opened(cast, severity)
    assert target(incident, ClockKind.RESPOND) == START + within
    assert incident.next_target_at == START + within


def test_the_page_starts_five_minutes_to_acknowledge(cast: Cast, time: Time) -> None:
    incident = move(cast, opened(cast), "classify")
    assert ClockKind.ACKNOWLEDGE not in current_clocks(incident)
    time.passes(minutes=3)
    incident = move(cast, incident, "notify")
    assert target(incident, ClockKind.ACKNOWLEDGE) == time.now + timedelta(minutes=5)
    assert incident.next_target_at == time.now + timedelta(minutes=5)


def test_acknowledging_meets_both(cast: Cast, time: Time) -> None:
    incident = in_state(cast, State.NOTIFIED)
    time.passes(minutes=4)
    incident = move(cast, incident, "acknowledge")
    for kind in (ClockKind.ACKNOWLEDGE, ClockKind.RESPOND):
        assert state(incident, kind, time.now) is ClockState.MET


def test_acknowledging_late_is_a_breach_for_good(cast: Cast, time: Time) -> None:
    incident = in_state(cast, State.NOTIFIED)
    time.passes(minutes=6)
    incident = move(cast, incident, "acknowledge")
    assert state(incident, ClockKind.ACKNOWLEDGE, time.now) is ClockState.BREACHED
    assert state(incident, ClockKind.RESPOND, time.now) is ClockState.MET


def test_a_breach_needs_no_worker_to_be_one(cast: Cast, time: Time) -> None:
    incident = opened(cast, "P0")
    before = ClockLeg.objects.count()
    assert state(incident, ClockKind.RESPOND, START + timedelta(minutes=16)) is ClockState.BREACHED
    assert ClockLeg.objects.count() == before


@pytest.mark.parametrize(
    ("severity", "every"), [("P0", timedelta(minutes=30)), ("P1", timedelta(hours=2))]
)
def test_status_updates_recur_until_the_fix_is_verified(
    cast: Cast, time: Time, severity: str, every: timedelta
) -> None:
    incident = in_state(cast, State.ACKNOWLEDGED, severity)
    assert target(incident, ClockKind.STATUS_UPDATE) == time.now + every
    time.passes(minutes=20)
    status_update(incident=incident, by=cast.principal("commander"), text="We are on it.")
    assert target(incident, ClockKind.STATUS_UPDATE) == time.now + every
    assert current_clocks(incident)[ClockKind.STATUS_UPDATE][0].cycle == 2
    for name in ("contain", "investigate", "fix", "verify", "document"):
        incident = move(cast, incident, name)
    assert state(incident, ClockKind.STATUS_UPDATE, time.now) is ClockState.MET


@pytest.mark.parametrize("severity", ["P2", "P3"])
def test_no_status_updates_are_promised_below_p1(cast: Cast, severity: str) -> None:
    assert ClockKind.STATUS_UPDATE not in current_clocks(in_state(cast, State.FIXING, severity))


def test_the_postmortem_is_due_48_hours_after_the_verified_fix(cast: Cast, time: Time) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    assert target(incident, ClockKind.POSTMORTEM) == time.now + timedelta(hours=48)
    incident = move(cast, incident, "postmortem")
    time.passes(hours=47)
    accepted(cast, incident)
    assert state(incident, ClockKind.POSTMORTEM, time.now) is ClockState.MET
    incident.refresh_from_db()
    assert incident.next_target_at is None


def test_a_severity_change_ends_a_leg_and_opens_another(cast: Cast, time: Time) -> None:
    incident = opened(cast, "P2")
    time.passes(minutes=10)
    incident = change(cast, incident, Severity.P0)
    legs = current_clocks(incident)[ClockKind.RESPOND]
    assert [(leg.severity, leg.target_at) for leg in legs] == [
        ("P2", START + timedelta(hours=4)),
        ("P0", START + timedelta(minutes=15)),
    ]
    assert {leg.policy_version for leg in legs} == {POLICY_VERSION}


def test_time_that_has_passed_counts_under_the_new_severity(cast: Cast, time: Time) -> None:
    incident = opened(cast, "P2")
    time.passes(minutes=20)
    incident = change(cast, incident, Severity.P0)
    assert target(incident, ClockKind.RESPOND) == START + timedelta(minutes=15)
    assert state(incident, ClockKind.RESPOND, time.now) is ClockState.BREACHED


def test_a_severity_without_updates_cancels_their_clock_and_a_raise_brings_it_back(
    cast: Cast, time: Time
) -> None:
    incident = change(cast, in_state(cast, State.CONTAINED, "P1"), Severity.P2)
    assert state(incident, ClockKind.STATUS_UPDATE, time.now) is ClockState.CANCELLED
    time.passes(minutes=5)
    incident = change(cast, incident, Severity.P0)
    assert target(incident, ClockKind.STATUS_UPDATE) == time.now + timedelta(minutes=30)


def test_a_raise_after_the_fix_brings_no_updates_but_a_postmortem(cast: Cast, time: Time) -> None:
    incident = change(cast, in_state(cast, State.DOCUMENTING, "P2"), Severity.P1)
    assert ClockKind.STATUS_UPDATE not in current_clocks(incident)
    assert target(incident, ClockKind.POSTMORTEM) == time.now + timedelta(hours=48)


def test_a_pause_keeps_what_was_left(cast: Cast, time: Time) -> None:
    incident, commander = opened(cast, "P0"), cast.principal("commander")
    time.passes(minutes=5)
    clock_pause(incident=incident, by=commander, kind=ClockKind.RESPOND, reason="Vendor")
    time.passes(hours=3)
    assert state(incident, ClockKind.RESPOND, time.now) is ClockState.PAUSED
    clock_resume(incident=incident, by=commander, kind=ClockKind.RESPOND)
    assert target(incident, ClockKind.RESPOND) == time.now + timedelta(minutes=10)


def test_a_pause_needs_a_reason_and_a_commander(cast: Cast) -> None:
    incident = opened(cast)
    with pytest.raises(ValidationFailed):
        clock_pause(
            incident=incident, by=cast.principal("commander"), kind=ClockKind.RESPOND, reason=" "
        )
    with pytest.raises(GovernanceDenied):
        clock_pause(
            incident=incident, by=cast.principal("responder"), kind=ClockKind.RESPOND, reason="x"
        )


def test_only_a_running_clock_is_paused_and_only_a_paused_one_resumed(cast: Cast) -> None:
    incident, commander = opened(cast), cast.principal("commander")
    with pytest.raises(Conflict, match="not paused"):
        clock_resume(incident=incident, by=commander, kind=ClockKind.RESPOND)
    with pytest.raises(Conflict, match="not running"):
        clock_pause(incident=incident, by=commander, kind=ClockKind.POSTMORTEM, reason="x")


def test_a_false_positive_cancels_what_runs(cast: Cast, time: Time) -> None:
    incident = move(cast, in_state(cast, State.NOTIFIED), "dismiss")
    for kind in (ClockKind.ACKNOWLEDGE, ClockKind.RESPOND):
        assert state(incident, kind, time.now) is ClockState.CANCELLED
    assert incident.next_target_at is None


def test_a_reopened_incident_owes_updates_again(cast: Cast, time: Time) -> None:
    incident = in_state(cast, State.CLOSED)
    time.passes(hours=5)
    incident = move(cast, incident, "reopen")
    assert target(incident, ClockKind.STATUS_UPDATE) == time.now + timedelta(hours=2)
    assert incident.next_target_at == time.now + timedelta(hours=2)


def test_legs_are_never_changed(cast: Cast) -> None:
    opened(cast)
    for attempt in (
        lambda: ClockLeg.objects.update(reason="x"),
        lambda: ClockLeg.objects.all()._raw_delete(using="default"),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            attempt()


def test_a_running_leg_has_a_target_and_no_other_has(cast: Cast) -> None:
    incident = opened(cast)
    fields = {
        "incident": incident,
        "kind": ClockKind.RESPOND,
        "cycle": 9,
        "position": 1,
        "severity": "P1",
        "began_at": START,
        "policy_version": "x",
    }
    with pytest.raises(IntegrityError, match="target_while_running"), transaction.atomic():
        ClockLeg.objects.create(phase=Phase.RUNNING, **fields)
    with pytest.raises(IntegrityError, match="target_while_running"), transaction.atomic():
        ClockLeg.objects.create(phase=Phase.MET, target_at=START, **fields)
    with pytest.raises(IntegrityError, match="pause_has_reason"), transaction.atomic():
        ClockLeg.objects.create(phase=Phase.PAUSED, **fields)
