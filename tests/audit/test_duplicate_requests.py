"""The upgrade to one open request for one thing, from a time when there could be two."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection

from audit.gate import latch
from audit.gate.types import Action, Request, Resource
from audit.governed import perform
from audit.models import ApprovalRequest, Event
from audit.selectors import entry_of
from tests.audit.test_approvals import dismissed
from tests.database import pointed_at
from tests.incidents.making import opened
from tests.people import TESTS, Cast

ARRANGE = Action("tests:approval:arrange", event="tests_arranged", is_for_system=True)
BEFORE, UPGRADE = "0008_search", "0009_governance_finished"


def arrange(statement: str) -> None:
    def change() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    perform(Request(TESTS, ARRANGE, Resource("tests.approval", "1")), change)


def two_for_the_same(cast: Cast) -> tuple[ApprovalRequest, ApprovalRequest]:
    """As the old schema let them be. The later one has an approval already."""
    first, second = dismissed(cast), dismissed(cast, opened(cast, "P0"))
    other = dismissed(cast, opened(cast, "P0"))
    assert other.state == "pending"
    return first, second


def go_back() -> None:
    call_command("migrate", "audit", BEFORE, verbosity=0)


def make_equal(first: ApprovalRequest, *others: ApprovalRequest) -> None:
    for other in others:
        arrange(
            "UPDATE audit_approvalrequest SET arguments_sha256 ="
            f" '{first.arguments_sha256}' WHERE id = '{other.pk}'"
        )


def approve(asked: ApprovalRequest, cast: Cast) -> None:
    arrange(
        "INSERT INTO audit_approval (request_id, approver_id, is_approved, reason, decided_at)"
        f" VALUES ('{asked.pk}', {cast.approver.pk}, true, '', clock_timestamp())"
    )


def test_of_two_open_requests_for_one_thing_one_waits_on(committed_cast: Cast) -> None:
    first, second = two_for_the_same(committed_cast)
    with pointed_at(connection.settings_dict["NAME"], role="vigil_owner"):
        go_back()
        make_equal(first, second)
        approve(second, committed_cast)
        call_command("migrate", verbosity=0)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("withdrawn", "pending")
    assert first.outcome == f"Asked for twice: {second.pk} waits on."
    assert ApprovalRequest.objects.filter(state="pending").count() == 2
    (event,) = Event.objects.filter(event="approval_settled")
    entry = entry_of(event)
    assert (event.action, event.actor) == ("audit:approval:settle", "system:migration")
    assert [vote["verdict"] for vote in entry["votes"]] == ["allow"] * 3
    assert {(change["table"], change["pk"]) for change in entry["changes"]} == {
        ("audit_approvalrequest", str(first.pk))
    }
    with pytest.raises(IntegrityError):
        make_equal(second, ApprovalRequest.objects.filter(state="pending").exclude(pk=second.pk)[0])


def test_without_two_nothing_is_recorded(committed_cast: Cast) -> None:
    two_for_the_same(committed_cast)
    with pointed_at(connection.settings_dict["NAME"], role="vigil_owner"):
        go_back()
        call_command("migrate", verbosity=0)
    assert ApprovalRequest.objects.filter(state="pending").count() == 3
    assert not Event.objects.filter(event="approval_settled").exists()


def test_the_upgrade_waits_for_a_gate_that_is_open(committed_cast: Cast) -> None:
    first, second = two_for_the_same(committed_cast)
    with pointed_at(connection.settings_dict["NAME"], role="vigil_owner"):
        go_back()
        make_equal(first, second)
        latch.close("a test", {})
        with pytest.raises(Exception, match="closed until"):
            call_command("migrate", verbosity=0)
        latch.path().unlink()
        call_command("migrate", verbosity=0)
    first.refresh_from_db()
    second.refresh_from_db()
    assert {first.state, second.state} == {"pending", "withdrawn"}
