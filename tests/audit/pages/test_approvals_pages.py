"""The inbox of what waits for approval, and the page of one request."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.approvals import selectors
from audit.approvals.selectors import count_to_decide
from audit.approvals.services import approval_deny, approval_give, approval_withdraw
from audit.gate import latch
from audit.models import ApprovalRequest, User
from audit.pages.approvals import waiting_badge
from incidents.models import Incident
from incidents.procedure import State
from incidents.services.incidents import incident_change_severity
from incidents.severity import Severity
from portal.lib.errors import ApprovalRequired
from tests.audit.test_approvals import dismissed, state
from tests.database import as_superuser
from tests.incidents.arranging import restrict
from tests.incidents.making import move, opened
from tests.people import Cast, with_second_factor

LIST = reverse("audit:approval-list")


def url(asked: ApprovalRequest) -> str:
    return reverse("audit:approval-detail", args=[asked.pk])


def entered(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return with_second_factor(client, getattr(cast, name))


def test_an_approver_sees_what_waits_and_what_exactly_would_run(cast: Cast) -> None:
    asked = dismissed(cast)
    approver = entered(cast, "approver")
    assert url(asked) in approver.get(LIST).content.decode()
    page = approver.get(url(asked)).content.decode()
    for shown in (
        "incidents:incident:dismiss",
        asked.target,
        "A test alarm",
        "takes a second commander",
        asked.arguments_sha256,
        "matches these arguments",
        "0 of 1 approved",
    ):
        assert shown in page


def test_approving_runs_it(cast: Cast) -> None:
    asked = dismissed(cast)
    response = entered(cast, "approver").post(
        url(asked), {"do": "approve", "reason": "I saw it"}, follow=True
    )
    assert state(asked) == "executed"
    assert Incident.objects.get().state == State.FALSE_POSITIVE
    page = response.content.decode()
    assert "1 of 1 approved" in page
    assert "I saw it" in page
    assert "Done: it was approved, and it has run." in page


def test_denying_takes_a_reason(cast: Cast) -> None:
    asked = dismissed(cast)
    approver = entered(cast, "approver")
    refused = approver.post(url(asked), {"do": "deny", "reason": " "})
    assert (refused.status_code, state(asked)) == (400, "pending")
    assert "Say why not." in refused.content.decode()
    approver.post(url(asked), {"do": "deny", "reason": "It is real"})
    assert (state(asked), asked.outcome) == ("denied", "It is real")


def test_who_asked_sees_it_and_may_withdraw_but_not_approve(cast: Cast) -> None:
    asked = dismissed(cast)
    commander = entered(cast, "commander")
    page = commander.get(url(asked)).content.decode()
    assert "Withdraw it" in page
    assert 'value="approve"' not in page
    refused = commander.post(url(asked), {"do": "approve"})
    assert (refused.status_code, state(asked)) == (403, "pending")
    assert "second person" in refused.content.decode()
    commander.post(url(asked), {"do": "withdraw"})
    assert state(asked) == "withdrawn"


@pytest.mark.parametrize("name", ["outsider", "responder", "administrator"])
def test_it_does_not_exist_for_others(cast: Cast, name: str) -> None:
    asked = dismissed(cast)
    other = entered(cast, name)
    assert other.get(url(asked)).status_code == 404
    assert other.post(url(asked), {"do": "approve"}).status_code == 404
    assert url(asked) not in other.get(LIST).content.decode()
    assert state(asked) == "pending"


def test_about_a_restricted_incident_it_exists_for_those_let_in(cast: Cast) -> None:
    incident = opened(cast, "P0")
    restrict(incident, cast.commander)
    asked = dismissed(cast, Incident.objects.get())
    approver, requester = entered(cast, "approver"), entered(cast, "commander")
    assert approver.get(url(asked)).status_code == 404
    assert approver.post(url(asked), {"do": "approve"}).status_code == 404
    assert url(asked) not in approver.get(LIST).content.decode()
    assert url(asked) in requester.get(LIST).content.decode()
    restrict(incident, cast.approver)
    assert url(asked) in approver.get(LIST).content.decode()
    approver.post(url(asked), {"do": "approve"})
    assert state(asked) == "executed"


def test_nobody_answers_twice(cast: Cast) -> None:
    asked = dismissed(cast)
    approver = entered(cast, "approver")
    approver.post(url(asked), {"do": "deny", "reason": "No"})
    refused = approver.post(url(asked), {"do": "approve"})
    assert refused.status_code == 409
    assert "settled before: declined" in refused.content.decode()


def test_what_has_expired_is_shown_as_expired(cast: Cast) -> None:
    asked = dismissed(cast)
    with as_superuser():
        ApprovalRequest.objects.update(
            requested_at=timezone.now() - timedelta(hours=5),
            expires_at=timezone.now() - timedelta(hours=1),
        )
    approver = entered(cast, "approver")
    waiting = approver.get(LIST).context
    assert (waiting["to_decide"], waiting["waiting"]) == ([], [])
    decided = approver.get(LIST, {"show": "decided"}).context["found"]
    assert [row["state"].label for row in decided] == ["Expired"]
    assert 'value="approve"' not in approver.get(url(asked)).content.decode()


def test_what_could_not_be_done_says_why(cast: Cast) -> None:
    asked = dismissed(cast)
    move(cast, Incident.objects.get(), "classify")
    page = entered(cast, "approver").post(url(asked), {"do": "approve"}, follow=True)
    assert state(asked) == "failed"
    assert asked.outcome in page.content.decode()


def test_nothing_is_answered_while_the_gate_is_latched(cast: Cast) -> None:
    asked = dismissed(cast)
    approver = entered(cast, "approver")
    latch.close("a test", {})
    refused = approver.post(url(asked), {"do": "approve", "reason": "Yes, do"})
    assert (refused.status_code, state(asked)) == (403, "pending")
    page = refused.content.decode()
    assert "governance system failure" in page
    assert "Yes, do" in page


def test_the_list_costs_the_same_however_long(cast: Cast) -> None:
    approver = entered(cast, "approver")

    def count() -> int:
        approver.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            approver.get(LIST)
        return len(queries)

    dismissed(cast)
    approval_give(asked=dismissed(cast, opened(cast, "P0")), by=cast.principal("approver"))
    few = count()
    for _ in range(3):
        dismissed(cast, opened(cast, "P0"))
    approval_give(asked=dismissed(cast, opened(cast, "P0")), by=cast.principal("approver"))
    assert count() == few


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get(LIST).url == f"/login/?next={LIST}"


def test_the_dialog_that_was_held_up_links_to_its_approval(cast: Cast) -> None:
    incident = opened(cast, "P0")
    response = entered(cast, "commander").post(
        reverse("incidents:incident-move", args=[incident.pk, "dismiss"]),
        {"reason": "A test alarm", "version": incident.version},
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 202
    assert response["X-Vigil-Fragment"] == "refusal"
    assert url(ApprovalRequest.objects.get()) in response.content.decode()


def test_the_badge_counts_what_waits_for_ones_own_answer(cast: Cast) -> None:
    def badge(name: str) -> str:
        request = RequestFactory().get("/")
        request.user = User.objects.get(username=name)
        return waiting_badge(request)

    assert badge("approver") == ""
    asked = dismissed(cast)
    assert (badge("approver"), badge("commander"), badge("responder")) == ("1", "", "")
    hidden = opened(cast, "P0")
    restrict(hidden, cast.commander)
    dismissed(cast, Incident.objects.get(pk=hidden.pk))
    assert badge("approver") == "1"
    approval_deny(asked=asked, by=cast.principal("approver"), reason="No")
    assert badge("approver") == ""


def test_the_badge_costs_one_query_however_many_wait(cast: Cast) -> None:
    for number in range(4):
        incident = opened(cast, "P0")
        if number % 2:
            restrict(incident, cast.commander, cast.approver)
        dismissed(cast, Incident.objects.get(pk=incident.pk))
        user = User.objects.get(username="approver")
        user.has_perm("audit.decide_approvalrequest")
        with CaptureQueriesContext(connection) as queries:
            assert count_to_decide(user) == number + 1
        assert len(queries) == 1


def test_the_decided_are_paged_by_what_was_asked_before(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "PAGE", 2)
    asked = [dismissed(cast, opened(cast, "P0")) for _ in range(5)]
    for one in asked:
        approval_withdraw(asked=one, by=cast.principal("commander"))
    client, seen, link = entered(cast, "approver"), [], "?show=decided"
    while link:
        context = client.get(LIST + link).context
        seen += [row["asked"].pk for row in context["found"]]
        link = context["older"]
    assert seen == [one.pk for one in reversed(asked)]


@pytest.mark.parametrize("before", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_place_that_is_none_is_said_to_be(cast: Cast, before: str) -> None:
    client = entered(cast, "approver")
    assert client.get(LIST, {"show": "decided", "before": before}).status_code == 400
    assert client.get(LIST, {"show": "nothing"}).status_code == 404


@pytest.mark.parametrize("show", ["waiting", "mine", "decided"])
@pytest.mark.parametrize("name", ["approver", "responder"])
def test_an_empty_list_says_so(cast: Cast, name: str, show: str) -> None:
    page = entered(cast, name).get(LIST, {"show": show}).content.decode()
    assert "othing" in page


def test_a_change_of_severity_says_from_what_to_what(cast: Cast) -> None:
    incident = opened(cast, "P0")
    with pytest.raises(ApprovalRequired):
        incident_change_severity(
            incident=incident, by=cast.principal("commander"), severity=Severity.P2, reason="Less"
        )
    page = entered(cast, "approver").get(url(ApprovalRequest.objects.get())).content.decode()
    assert "Change severity: incident" in page
    assert "P0</del>" in page
    assert "grave-is-not-lowered-alone" in page
