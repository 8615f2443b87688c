"""A page that nobody acknowledges goes on to the backup, on record and on the timeline."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from audit.gate import engine
from incidents.models import ClockLeg, Escalation, Incident, Notification
from incidents.models.clock import ClockKind
from incidents.selectors.escalations import overdue
from incidents.services.clocks import clock_pause
from incidents.services.escalation import incident_escalate
from incidents.tasks import escalate_unacknowledged
from portal.lib.errors import AuditUnavailable, Conflict, GovernanceDenied
from tests.database import as_superuser
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.arranging import recorded
from tests.incidents.making import move
from tests.incidents.notify.test_telling import notified
from tests.incidents.telling import channel, service, team
from tests.people import TESTS, Cast


def paged(cast: Cast, severity: str = "P1") -> Incident:
    """To Checkout, whose backup is Platform, whose backup is Security."""
    last = team("Security")
    backup = team("Platform", backup=last)
    first = team("Checkout", backup=backup)
    for each in (first, backup, last):
        channel("pagerduty", cast, name=f"{each.name} pager", team=each)
    return notified(cast, severity, service=service(first))


def escalated_to(incident: Incident) -> list[str]:
    rows = incident.notifications.filter(reason="escalated").order_by("id")
    return [row.addressee for row in rows]


def after(minutes: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False)


def test_before_its_target_nobody_is_disturbed(cast: Cast) -> None:
    paged(cast)
    with after(4.9):
        assert escalate_unacknowledged() == 0


def test_past_its_target_the_backup_is_paged_once(cast: Cast) -> None:
    incident = paged(cast)
    with after(5.1):
        assert escalate_unacknowledged() == 1
        assert escalate_unacknowledged() == 0
    assert escalated_to(incident) == ["Platform pager"]
    entry = incident.timeline.get(kind="notification")
    assert entry.text == "Not acknowledged in time. Escalated to Platform: 1 message."
    assert Escalation.objects.get().level == 1


def test_it_goes_on_to_the_backups_backup_and_ends_there(cast: Cast) -> None:
    incident = paged(cast)
    for minutes in (5.1, 10.1, 15.1, 60):
        with after(minutes):
            escalate_unacknowledged()
    assert escalated_to(incident) == ["Platform pager", "Security pager"]


def test_who_has_no_backup_is_paged_again(cast: Cast) -> None:
    channel("pagerduty", cast, name="Shared pager")
    incident = notified(cast)
    with after(11):
        escalate_unacknowledged()
        escalate_unacknowledged()
    assert escalated_to(incident) == ["Shared pager"]


@pytest.mark.parametrize("name", ["acknowledge", "dismiss"])
def test_once_somebody_has_it_nobody_else_is_paged(cast: Cast, name: str) -> None:
    incident = paged(cast)
    move(cast, incident, name)
    with after(6):
        assert escalate_unacknowledged() == 0


def test_a_clock_that_stands_still_escalates_nothing(cast: Cast) -> None:
    incident = paged(cast)
    clock_pause(
        incident=incident,
        by=cast.principal("commander"),
        kind=ClockKind.ACKNOWLEDGE,
        reason="A drill of the fire brigade",
    )
    with after(6):
        assert escalate_unacknowledged() == 0


def test_what_the_rule_does_not_escalate_waits(cast: Cast) -> None:
    paged(cast, "P2")
    with after(60):
        assert escalate_unacknowledged() == 0


def test_backups_in_a_circle_come_to_an_end(cast: Cast) -> None:
    incident = paged(cast)
    first, last = incident.service.team, incident.service.team.backup.backup
    last.backup = first
    recorded(last.save)
    for minutes in (6, 11, 16, 21, 26):
        with after(minutes):
            escalate_unacknowledged()
    assert escalated_to(incident) == ["Platform pager", "Security pager"]


def test_who_acknowledges_at_the_same_moment_is_not_overruled(cast: Cast) -> None:
    incident = paged(cast)
    (due,) = overdue(timezone.now() + timedelta(minutes=6))
    move(cast, incident, "acknowledge")
    with pytest.raises(Conflict):
        incident_escalate(
            incident=due.incident, by=TESTS, leg=due.leg, level=due.level, team=due.team
        )
    assert Escalation.objects.count() == 0


def test_it_is_asked_with_one_question_an_incident(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    channel("pagerduty", cast)
    for _ in range(3):
        notified(cast)
    with django_assert_max_num_queries(1):
        assert overdue(timezone.now()) == []


def _escalate(due: Any, by: Any) -> None:
    incident_escalate(incident=due.incident, by=by, leg=due.leg, level=due.level, team=due.team)


def test_no_person_escalates_by_hand(cast: Cast) -> None:
    paged(cast)
    (due,) = overdue(timezone.now() + timedelta(minutes=6))
    with pytest.raises(GovernanceDenied):
        _escalate(due, cast.principal("commander"))


def test_a_broken_gate_makes_it_wait(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    paged(cast)
    with after(6):
        with monkeypatch.context() as patch:
            patch.setattr(engine, "_VOTERS", (BrokenVoter(),))
            assert escalate_unacknowledged() == 0
        assert escalate_unacknowledged() == 1


def test_a_broken_ledger_makes_it_wait(committed_cast: Cast) -> None:
    paged(committed_cast)
    (due,) = overdue(timezone.now() + timedelta(minutes=6))
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        with pytest.raises(AuditUnavailable):
            _escalate(due, TESTS)
    assert Escalation.objects.count() == 0
    assert Notification.objects.filter(reason="escalated").count() == 0
    assert ClockLeg.objects.filter(kind=ClockKind.ACKNOWLEDGE).count() == 1
