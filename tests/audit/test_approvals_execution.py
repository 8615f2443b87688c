"""Between the last approval and what it lets happen, everything is asked again."""

import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from audit.accounts import user_create
from audit.approvals import services
from audit.approvals.execution import execute
from audit.approvals.services import approval_give
from audit.gate import latch
from audit.latches import gate_release, open_latches
from audit.models import Approval, ApprovalRequest, Event, PolicySet, User
from audit.policies import policy_activate, policy_draft, policy_validate
from audit.principal import person
from audit.rows import row_save
from incidents.models import Incident, Service
from incidents.procedure import State
from portal.lib.errors import ApprovalRequired, GovernanceFailure
from tests.audit.test_approvals import dismissed, state
from tests.incidents.making import move
from tests.people import TESTS, Cast

STRICT = """@id("all")
permit (principal, action, resource);
@id("services-by-three")
@says("Services take three.")
@escalate("true")
@approvals("2")
forbid (principal, action, resource)
when { principal.is_person && resource.kind == "incidents.service" && context.approvals < 2 };
@id("dismissals-by-four")
@says("Dismissing takes four.")
@escalate("true")
@approvals("3")
forbid (principal, action == Action::"incidents:incident:dismiss", resource)
when { context.approvals < 3 };
"""


def activate(cast: Cast, text: str) -> None:
    """As an installation does: one administrator writes it, a second one activates it."""
    user_create(
        user=User(username="second"), password="correct horse", roles=["Administrator"], by=TESTS
    )
    author, second = cast.principal("administrator"), person(User.objects.get(username="second"))
    draft = policy_draft(draft=PolicySet(title="Tests", text=text), by=author)
    policy_activate(version=policy_validate(draft=draft, by=author), by=second, reason="A test")


def approved(cast: Cast) -> ApprovalRequest:
    """A dismissal with the one approval that it needs, which has not been run yet."""
    asked = dismissed(cast)
    services._approve(asked=asked, by=cast.principal("approver"), reason="")
    asked.refresh_from_db()
    return asked


def deactivate(cast: Cast) -> None:
    cast.commander.is_active = False
    row_save(instance=cast.commander, by=TESTS)


def expire(_cast: Cast) -> None:
    ApprovalRequest.objects.update(
        requested_at=timezone.now() - timedelta(hours=5),
        expires_at=timezone.now() - timedelta(seconds=1),
    )


def move_on(cast: Cast) -> None:
    move(cast, Incident.objects.get(), "classify")


CHANGES: dict[str, tuple[Callable[[Cast], object], str, str]] = {
    "the requester was deactivated": (deactivate, "failed", "account is not active"),
    "the role was taken": (
        lambda cast: row_save(
            instance=cast.commander, related=cast.commander.groups.clear, by=TESTS
        ),
        "failed",
        "roles do not include",
    ),
    "the incident moved on": (move_on, "failed", "moved on"),
    "the policy asks for more": (lambda cast: activate(cast, STRICT), "failed", "takes four"),
    "the policy forbids it": (
        lambda cast: activate(
            cast, 'permit (principal, action == Action::"audit:approval:settle", resource);'
        ),
        "failed",
        "no policy permits it",
    ),
    "it expired": (expire, "expired", "has expired"),
    "the approver lost the role": (
        lambda cast: row_save(instance=cast.approver, related=cast.approver.groups.clear, by=TESTS),
        "failed",
        "second commander",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_does_not_run_where_meanwhile(cast: Cast, name: str) -> None:
    change, ends, outcome = CHANGES[name]
    asked = approved(cast)
    change(cast)
    asked.refresh_from_db()
    execute(asked)
    assert (state(asked), Incident.objects.get().state) != ("executed", State.FALSE_POSITIVE)
    assert state(asked) == ends
    assert outcome in asked.outcome


def test_behind_a_latched_gate_it_waits_and_is_tried_again(committed_cast: Cast) -> None:
    cast = committed_cast
    asked = approved(cast)
    latch.close("a test", {})
    with pytest.raises(GovernanceFailure):
        approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "pending"
    for row in open_latches():
        gate_release(row=row, by=cast.principal("administrator"), reason="A test")
    approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "executed"
    assert Approval.objects.count() == 1


def in_threads(*calls: Callable[[], object]) -> list[BaseException]:
    raised: list[BaseException] = []
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        try:
            ready.wait()
            call()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_who_approve_at_once_let_it_happen_once(committed_cast: Cast) -> None:
    cast = committed_cast
    row_save(
        instance=cast.auditor,
        related=lambda: cast.auditor.groups.set(cast.commander.groups.all()),
        by=TESTS,
    )
    pk = dismissed(cast).pk

    def give(name: str) -> Callable[[], object]:
        by = person(User.objects.get(username=name))

        def approve() -> None:
            approval_give(asked=ApprovalRequest.objects.get(pk=pk), by=by)

        # A thread of its own begins without the second factor of the test's session.
        return partial(copy_context().run, approve)

    in_threads(give("approver"), give("auditor"))
    assert ApprovalRequest.objects.get(pk=pk).state == "executed"
    assert Event.objects.filter(event="incident_dismissed").count() == 1


def test_pressing_twice_at_once_asks_once(committed_cast: Cast) -> None:
    cast = committed_cast
    activate(cast, STRICT)

    def press() -> None:
        row_save(instance=Service(slug="pay", name="Pay"), by=cast.principal("administrator"))

    raised = in_threads(*[press] * 6)
    assert [type(error) for error in raised] == [ApprovalRequired] * 6
    assert len({error.approval for error in raised if isinstance(error, ApprovalRequired)}) == 1
    assert ApprovalRequest.objects.count() == 1
