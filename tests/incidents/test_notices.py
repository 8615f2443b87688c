"""People are told of deadlines that come near and that have passed: once each, on record, and a
notice that nobody gave is found afterwards."""

import json
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.gate import engine
from audit.models import Event
from audit.principal import system
from incidents.clock_rules import NOTICES, POLICY_VERSION
from incidents.models import ClockLeg, ClockNotice, Incident
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.replay import replay
from incidents.services.clocks import clock_pause, clock_resume
from incidents.services.notices import (
    NothingIsDue,
    clocks_notice,
    incidents_with_notices_due,
)
from incidents.severity import Severity
from incidents.tasks import watch_clocks
from portal.lib.errors import GovernanceDenied
from tests.database import as_superuser
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import recorded
from tests.incidents.making import in_state, move, opened
from tests.incidents.test_clocks import START, Time, change, time  # noqa: F401 - a fixture
from tests.people import Cast


def entries(name: str) -> list[dict[str, Any]]:
    found = (json.loads(bytes(event.entry)) for event in Event.objects.order_by("id"))
    return [entry for entry in found if entry["event"] == name]


def look(incident: Incident) -> list[tuple[str, int]]:
    try:
        made = clocks_notice(incident=incident, by=system("worker"))
    except NothingIsDue:
        return []
    return [(notice.leg.kind, notice.percent) for notice in made]


def written(incident: Incident) -> list[str]:
    return list(
        incident.timeline.filter(kind="clock").order_by("id").values_list("text", flat=True)
    )


def test_each_part_of_the_time_is_told_once(cast: Cast, time: Time) -> None:  # noqa: F811
    incident = opened(cast, "P1")
    assert look(incident) == []
    told = []
    for minute in range(1, 63):
        time.now = START + timedelta(minutes=minute)
        told += [(minute, percent) for _kind, percent in look(incident)]
    assert told == [(30, 50), (45, 75), (54, 90), (60, 100)]
    near, missed = written(incident)
    assert near == "Respond clock: 90 % of its time is gone."
    assert missed.startswith("Respond clock: deadline missed. A person has taken it on within")


def test_who_looks_late_tells_all_at_once_and_says_so(cast: Cast, time: Time) -> None:  # noqa: F811
    incident = opened(cast, "P1")
    time.passes(minutes=72)
    assert look(incident) == [("respond", percent) for percent in NOTICES]
    (words,) = written(incident)
    assert words.endswith("Noticed 12 min late.")


def test_a_clock_that_was_met_or_paused_tells_nothing(cast: Cast, time: Time) -> None:  # noqa: F811
    met, paused = in_state(cast, State.NOTIFIED), opened(cast)
    clock_pause(
        incident=paused, by=cast.principal("commander"), kind=ClockKind.RESPOND, reason="vendor"
    )
    move(cast, met, "acknowledge")
    time.passes(minutes=119)
    assert look(paused) == []
    assert {kind for kind, _percent in look(met)} == {"status_update"}
    clock_resume(incident=paused, by=cast.principal("commander"), kind=ClockKind.RESPOND)
    time.passes(minutes=60)
    assert ("respond", 100) in look(paused)


def test_a_raised_severity_is_told_by_its_own_target(cast: Cast, time: Time) -> None:  # noqa: F811
    incident = opened(cast, "P2")
    time.passes(minutes=14)
    assert look(incident) == []
    incident = change(cast, incident, Severity.P0)
    assert ("respond", 90) in look(incident)


def test_it_is_on_record_and_cannot_be_changed(cast: Cast, time: Time) -> None:  # noqa: F811
    incident = opened(cast, "P0")
    time.passes(minutes=16)
    look(incident)
    (entry,) = entries("clock_noticed")
    assert entry["data"]["notices"] == [f"respond {percent} %" for percent in NOTICES]
    with (
        pytest.raises(ProgrammingError, match="permission denied|append-only"),
        transaction.atomic(),
    ):
        ClockNotice.objects.update(percent=1)


def test_none_is_given_before_its_time(committed_cast: Cast) -> None:
    leg = ClockLeg.objects.get(incident=opened(committed_cast))
    early = {"due_at": START, "noticed_at": START - timedelta(seconds=1)}
    with pytest.raises(IntegrityError, match="clock_notice_not_early"):
        recorded(lambda: ClockNotice.objects.create(leg=leg, percent=50, **early))


@pytest.mark.parametrize("who", ["commander", "responder", "auditor", "administrator"])
def test_nobody_gives_notice_by_hand(cast: Cast, time: Time, who: str) -> None:  # noqa: F811
    incident = opened(cast, "P0")
    time.passes(minutes=16)
    with pytest.raises(GovernanceDenied):
        clocks_notice(incident=incident, by=cast.principal(who))
    assert not ClockNotice.objects.exists()


def overdue(number: int = 1, policy: str = "made-up") -> list[Incident]:
    """Detected three hours ago with an hour to respond, and nobody has noticed."""
    at = timezone.now() - timedelta(hours=3)
    made: list[Incident] = []

    def make() -> None:
        for _ in range(number):
            incident = Incident(
                title="Slow",
                severity="P0",
                detected_at=at,
                next_target_at=at + timedelta(hours=1),
            )
            incident.save()
            ClockLeg.objects.create(
                incident=incident,
                kind=ClockKind.RESPOND,
                cycle=1,
                position=1,
                phase=ClockLeg.Phase.RUNNING,
                severity="P0",
                began_at=at,
                target=timedelta(hours=1),
                target_at=at + timedelta(hours=1),
                policy_version=policy,
            )
            made.append(incident)

    recorded(make)
    return made


def test_the_worker_finds_them(cast: Cast) -> None:
    (incident,) = overdue()
    opened(cast)
    assert incidents_with_notices_due() == [incident]
    assert watch_clocks() == 1
    assert ClockNotice.objects.filter(leg__incident=incident).count() == len(NOTICES)
    assert watch_clocks() == 0


def test_with_a_broken_gate_it_waits(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    overdue()
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_VOTERS", (BrokenVoter(),))
        watch_clocks()
        assert not ClockNotice.objects.exists()
    watch_clocks()
    assert ClockNotice.objects.exists()


def test_with_a_broken_ledger_it_waits(committed_cast: Cast) -> None:
    overdue()
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        watch_clocks()
        assert not ClockNotice.objects.exists()
        database.execute("GRANT INSERT ON audit_event TO vigil_app")
    watch_clocks()
    assert ClockNotice.objects.exists()


def test_two_workers_tell_once(committed_cast: Cast) -> None:
    overdue(3)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            watch_clocks()
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ClockNotice.objects.count() == 3 * len(NOTICES)
    assert len(entries("clock_noticed")) == 3


@pytest.mark.usefixtures("cast")
def test_looking_costs_the_same_however_many_there_are() -> None:
    for number in (1, 5):
        overdue(number)
        with CaptureQueriesContext(connection) as captured:
            incidents_with_notices_due()
        assert len(captured) == 2, "which, and the incidents themselves"


@pytest.mark.usefixtures("cast")
class TestReplay:
    def test_clocks_are_judged_again_as_of_any_instant(self, cast: Cast, time: Time) -> None:  # noqa: F811
        incident = opened(cast, "P1")
        time.passes(minutes=50)
        look(incident)
        time.passes(minutes=20)
        look(incident)
        incident = in_state_from(cast, incident)
        states = [
            next(clock.verdict.state.value for clock in found.clocks if clock.kind == "respond")
            for minute in (0, 59, 61, 70)
            if (found := replay(incident, START + timedelta(minutes=minute)))
        ]
        assert states == ["running", "running", "breached", "breached"]

    def test_a_notice_that_nobody_gave_is_found(self, cast: Cast, time: Time) -> None:  # noqa: F811
        incident = opened(cast, "P0")
        time.passes(minutes=10)
        found = replay(incident, time.now)
        assert found.all_differences == ["respond 1: leg 1: nobody was told at 50 %"]
        look(incident)
        assert replay(incident, time.now).all_differences == []

    def test_a_promise_that_the_policy_does_not_make_is_found(self) -> None:
        (incident,) = overdue(policy=POLICY_VERSION)
        watch_clocks()
        assert replay(incident, timezone.now()).all_differences == [
            "respond 1: leg 1 promises 1:00:00, the policy says 0:15:00"
        ]

    def test_the_command_tells_it(self) -> None:
        (incident,) = overdue()
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("sla", "replay", incident.number, stdout=out)
        assert (
            f"{incident.number} differs: respond 1: leg 1: nobody was told at 50 %"
            in out.getvalue()
        )
        watch_clocks()
        out = StringIO()
        call_command("sla", "replay", stdout=out)
        assert f"{incident.number} respond 1: breached" in out.getvalue()
        assert "1 clocks judged again, 0 differences" in out.getvalue()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["INC-1; DROP"], "is no number of an incident"),
            (["INC-99999999"], "There is no INC-99999999."),
            (["--at", "yesterday"], "is no instant with its zone"),
            (["--at", "2026-02-31T00:00:00Z"], "is no instant with its zone"),
            (["--at", "2026-02-01T00:00:00"], "is no instant with its zone"),
        ],
    )
    def test_nonsense_is_named(self, arguments: list[str], said: str) -> None:
        with pytest.raises(CommandError, match=said):
            call_command("sla", "replay", *arguments, stdout=StringIO())


def in_state_from(cast: Cast, incident: Incident) -> Incident:
    for name in ("classify", "notify", "acknowledge"):
        incident = move(cast, incident, name)
    return incident
