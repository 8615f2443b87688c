"""What policies let through only with other people's approval."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.approvals import asking, services
from audit.approvals.arguments import decode, encode
from audit.approvals.execution import execute
from audit.approvals.services import (
    approval_deny,
    approval_give,
    approval_withdraw,
    approvals_expire,
)
from audit.models import Approval, ApprovalRequest, Event
from audit.rows import register_rows, row_save
from incidents.models import Incident
from incidents.procedure import State
from incidents.services.incidents import incident_change_severity, incident_transition
from incidents.severity import Severity
from portal.lib.errors import ApprovalRequired, Conflict, GovernanceDenied, ValidationFailed
from tests.incidents.making import move, opened
from tests.people import TESTS, Cast


def dismissed(cast: Cast, incident: Incident | None = None) -> ApprovalRequest:
    """A commander's wish to dismiss a P0, as it waits for a second one."""
    incident = incident or opened(cast, "P0")
    with pytest.raises(ApprovalRequired) as waits:
        incident_transition(
            incident=incident, name="dismiss", by=cast.principal("commander"), reason="A test alarm"
        )
    asked = ApprovalRequest.objects.latest("requested_at")
    assert str(asked.pk) in waits.value.approval
    return asked


def state(asked: ApprovalRequest) -> str:
    asked.refresh_from_db()
    return asked.state


def test_what_was_asked_for_has_not_happened_yet(cast: Cast) -> None:
    dismissed(cast)
    assert Incident.objects.get().state == State.DETECTED
    event = Event.objects.latest("id")
    assert (event.event, event.verdict) == ("approval_requested", "escalate")


def test_a_second_commander_lets_it_happen_as_the_first(cast: Cast) -> None:
    asked = dismissed(cast)
    approval_give(asked=asked, by=cast.principal("approver"), reason="I saw the test")
    assert state(asked) == "executed"
    incident = Incident.objects.get()
    assert incident.state == State.FALSE_POSITIVE
    event = Event.objects.latest("id")
    assert (event.event, event.actor) == ("incident_dismissed", "user:commander")
    assert b'"approved_by":["approver"]' in bytes(event.entry)


def test_severity_is_lowered_by_two(cast: Cast) -> None:
    incident = opened(cast, "P0")
    with pytest.raises(ApprovalRequired):
        incident_change_severity(
            incident=incident, by=cast.principal("commander"), severity=Severity.P2, reason="Less"
        )
    asked = ApprovalRequest.objects.get()
    approval_give(asked=asked, by=cast.principal("approver"))
    incident.refresh_from_db()
    assert incident.severity == "P2"


def test_nobody_approves_their_own(cast: Cast) -> None:
    asked = dismissed(cast)
    with pytest.raises(GovernanceDenied, match="second person"):
        approval_give(asked=asked, by=cast.principal("commander"))
    assert state(asked) == "pending"


@pytest.mark.parametrize("name", ["responder", "auditor", "administrator", "outsider"])
def test_the_wrong_role_decides_nothing(cast: Cast, name: str) -> None:
    asked = dismissed(cast)
    with pytest.raises(GovernanceDenied):
        approval_give(asked=asked, by=cast.principal(name))
    with pytest.raises(GovernanceDenied):
        approval_deny(asked=asked, by=cast.principal(name), reason="no")
    assert state(asked) == "pending"


def test_one_denial_ends_it_with_its_reason(cast: Cast) -> None:
    asked = dismissed(cast)
    with pytest.raises(ValidationFailed):
        approval_deny(asked=asked, by=cast.principal("approver"), reason=" ")
    approval_deny(asked=asked, by=cast.principal("approver"), reason="It is real")
    assert (state(asked), asked.outcome) == ("denied", "It is real")
    with pytest.raises(Conflict, match="settled before"):
        approval_give(asked=asked, by=cast.principal("approver"))


def test_the_requester_can_withdraw_and_nobody_else(cast: Cast) -> None:
    asked = dismissed(cast)
    with pytest.raises(Conflict):
        approval_withdraw(asked=asked, by=cast.principal("approver"))
    approval_withdraw(asked=asked, by=cast.principal("commander"))
    assert state(asked) == "withdrawn"


def test_it_expires_by_its_instant_not_by_a_worker(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LASTS", timedelta(microseconds=1))
    asked = dismissed(cast)
    with pytest.raises(Conflict, match="expired"):
        approval_give(asked=asked, by=cast.principal("approver"))
    assert approvals_expire() == 1
    assert state(asked) == "expired"
    assert asked.expires_at < timezone.now()


def test_an_incident_that_moved_on_is_a_conflict_and_stays_as_it_is(cast: Cast) -> None:
    incident = opened(cast, "P0")
    asked = dismissed(cast, incident)
    move(cast, incident, "classify")
    approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "failed"
    assert "moved on" in asked.outcome
    assert Incident.objects.get().state == State.CLASSIFIED


def test_a_requester_who_lost_the_role_gets_nothing(cast: Cast) -> None:
    asked = dismissed(cast)
    row_save(instance=cast.commander, related=cast.commander.groups.clear, by=TESTS)
    approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "failed"
    assert Incident.objects.get().state == State.DETECTED


def test_approvals_of_who_is_no_longer_eligible_do_not_count(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = dismissed(cast)
    services._approve(asked=asked, by=cast.principal("approver"), reason="")
    row_save(instance=cast.approver, related=cast.approver.groups.clear, by=TESTS)
    asked.refresh_from_db()
    execute(asked)
    assert state(asked) == "failed"


def test_what_runs_is_what_was_approved(cast: Cast) -> None:
    asked = dismissed(cast)
    asked.arguments["reason"] = "Something else"
    execute(asked)
    assert state(asked) == "failed"
    assert "not those that were approved" in asked.outcome


def test_nobody_answers_twice(cast: Cast) -> None:
    asked = dismissed(cast)
    asked.needed = 2
    row_save_needed(asked)
    approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "pending"
    with pytest.raises(Conflict, match="answered this already"):
        approval_give(asked=asked, by=cast.principal("approver"))
    assert Approval.objects.count() == 1


def row_save_needed(asked: ApprovalRequest) -> None:
    register_rows(ApprovalRequest)
    row_save(instance=asked, by=TESTS)


def test_arguments_come_back_as_they_went(cast: Cast) -> None:
    incident = opened(cast)
    arguments = {
        "incident": incident,
        "severity": Severity.P1,
        "at": timezone.now(),
        "fields": {"a": "b"},
        "many": [1, None, True],
    }
    assert decode(encode({**arguments, "by": TESTS})) == arguments
