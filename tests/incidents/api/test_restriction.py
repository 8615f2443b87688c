"""Restricting by the API, and that who was not let in finds no trace of it anywhere."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from audit.approvals.services import approval_give
from audit.gate import engine
from audit.models import ApprovalRequest, Event, User
from audit.principal import person
from incidents.models import Incident, IncidentRole
from incidents.selectors import incidents_visible_to
from incidents.services.incidents import incident_assign
from tests.database import as_superuser
from tests.incidents.api.calling import issued, signed_in, with_secret
from tests.incidents.making import opened
from tests.people import Cast

TITLE = "Checkout fails"
SECRET = {"title": TITLE, "severity": "P1", "description": "A leak", "restricted": True}


def restricted(cast: Cast) -> Incident:
    incident = opened(cast)
    answer = signed_in(cast.commander).post(
        f"incidents/{incident.number}/restrict/", {"reason": "Leak"}
    )
    assert (answer.status, answer.body["is_restricted"]) == (200, True)
    return incident


def opened_restricted(cast: Cast) -> Incident:
    answer = signed_in(cast.commander).post("incidents/", SECRET)
    assert (answer.status, answer.body["is_restricted"]) == (201, True)
    return Incident.objects.get()


@pytest.mark.parametrize("made", [restricted, opened_restricted])
def test_who_is_outside_finds_no_trace(cast: Cast, made: Callable[[Cast], Incident]) -> None:
    incident = made(cast)
    for caller in (
        signed_in(cast.responder),
        signed_in(cast.approver),
        with_secret(issued("incidents:read", "incidents:write")),
        with_secret(issued("admin", user=cast.auditor)),
    ):
        assert caller.get("incidents/").body["results"] == []
        assert caller.get("incidents/?text=Checkout").body["results"] == []
        for path in ("", "timeline/", "alerts/", "clocks/", "ledger/", "postmortem/"):
            assert caller.get(f"incidents/{incident.number}/{path}").status == 404
        for verb in ("restrict", "unrestrict", "let-in", "remove-person", "acknowledge"):
            body = {"reason": "x", "user": "responder"}
            answer = caller.post(f"incidents/{incident.number}/{verb}/", body)
            assert answer.status in {403, 404}, verb
    assert Incident.objects.get().is_restricted


@pytest.mark.parametrize("made", [restricted, opened_restricted])
def test_pages_metrics_and_approvals_leave_no_trace_either(
    cast: Cast, made: Callable[[Cast], Incident]
) -> None:
    incident = made(cast)
    responder = Client()
    responder.force_login(cast.responder)
    for address in (
        "/",
        reverse("admin:incidents_incident_changelist"),
        f"{reverse('admin:incidents_incident_changelist')}?text=Checkout",
        reverse("audit:approval-list"),
    ):
        page = responder.get(address).content.decode()
        assert TITLE not in page, address
        assert incident.number not in page, address
    for name in ("restrict", "unrestrict", "let-in"):
        assert responder.get(reverse(f"incidents:{name}", args=[incident.pk])).status_code == 404
    metrics = Client().get("/metrics").content.decode()
    assert 'vigil_incidents_open{severity="P1"} 0.0' in metrics


def test_who_opens_one_restricted_is_in_with_those_who_oversee(cast: Cast) -> None:
    number = opened_restricted(cast).number
    event = Event.objects.latest("id")
    assert (event.event, event.action) == ("incident_opened", "incidents:incident:open-restricted")
    for name, status in {"commander": 200, "administrator": 200, "approver": 404}.items():
        answer = signed_in(getattr(cast, name)).get(f"incidents/{number}/")
        assert answer.status == status, name


def test_the_same_key_again_answers_the_same_one(cast: Cast) -> None:
    commander = signed_in(cast.commander)
    first, again = (commander.post("incidents/", SECRET, Idempotency_Key="k") for _ in range(2))
    assert first.body == again.body
    assert Incident.objects.count() == 1


@pytest.mark.parametrize("name", ["responder", "auditor", "outsider"])
def test_who_may_not_restrict_opens_none_restricted(cast: Cast, name: str) -> None:
    answer = signed_in(getattr(cast, name)).post("incidents/", SECRET)
    assert (answer.status, answer.code) == (403, "GOVERNANCE_DENIED")
    assert not Incident.objects.exists()


def test_a_token_opens_one_for_a_person_with_that_right_alone(cast: Cast) -> None:
    for secret in (
        issued("incidents:write", "incidents:read"),
        issued("incidents:write", "incidents:read", user=cast.responder),
        issued("incidents:read", user=cast.commander),
    ):
        assert with_secret(secret).post("incidents/", SECRET).status == 403
    assert not Incident.objects.exists()
    theirs = issued("incidents:write", "incidents:read", user=cast.commander)
    assert with_secret(theirs).post("incidents/", SECRET).status == 201


def test_without_gate_or_ledger_none_is_opened(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    commander = signed_in(committed_cast.commander)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_VOTERS", ())
        assert commander.post("incidents/", SECRET).code == "GOVERNANCE_FAILURE"
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    assert commander.post("incidents/", SECRET).code == "AUDIT_UNAVAILABLE"
    assert not Incident.objects.exists()


@pytest.mark.parametrize("value", ["maybe", [], None])
def test_what_is_no_answer_is_refused_by_field(cast: Cast, value: object) -> None:
    answer = signed_in(cast.commander).post("incidents/", {**SECRET, "restricted": value})
    assert (answer.status, list(answer.fields)) == (400, ["restricted"])


def test_a_request_about_it_is_seen_by_those_in_it_alone(cast: Cast) -> None:
    incident = restricted(cast)
    commander = signed_in(cast.commander)
    answer = commander.post(f"incidents/{incident.number}/unrestrict/", {"reason": "Told"})
    assert (answer.status, answer.body["error_code"]) == (202, "APPROVAL_REQUIRED")
    asked = ApprovalRequest.objects.get()
    approver = signed_in(cast.approver)
    assert approver.get(f"audit/approvals/{asked.pk}/").status == 404
    let_in = commander.post(f"incidents/{incident.number}/let-in/", {"user": "approver"})
    assert let_in.status == 200
    assert approver.get(f"audit/approvals/{asked.pk}/").status == 200
    approval_give(asked=asked, by=person(User.objects.get(username="approver")))
    assert not Incident.objects.get().is_restricted


def test_people_are_let_in_and_taken_out_by_name(cast: Cast) -> None:
    incident = restricted(cast)
    commander = signed_in(cast.commander)
    path = f"incidents/{incident.number}"
    assert commander.post(f"{path}/let-in/", {"user": "nobody"}).status == 400
    assert commander.post(f"{path}/let-in/", {}).status == 400
    assert commander.post(f"{path}/let-in/", {"user": "responder"}).status == 200
    assert signed_in(cast.responder).get(f"{path}/").status == 200
    assert commander.post(f"{path}/remove-person/", {"user": "responder"}).status == 200
    assert signed_in(cast.responder).get(f"{path}/").status == 404


def test_its_commander_lifts_it(cast: Cast) -> None:
    incident = restricted(cast)
    by, role = cast.principal("commander"), IncidentRole.Role.COMMANDER
    incident_assign(incident=incident, by=by, role=role, user=cast.commander)
    commander = signed_in(cast.commander)
    path = f"incidents/{incident.number}/unrestrict/"
    assert commander.post(path, {"reason": ""}).status == 400
    assert commander.post(path, {"reason": "Told"}).body["is_restricted"] is False
    assert incidents_visible_to(cast.responder).count() == 1
