"""Restricting by the API, and that who was not let in finds no trace of it anywhere."""

from django.test import Client
from django.urls import reverse

from audit.approvals.services import approval_give
from audit.models import ApprovalRequest, User
from audit.principal import person
from incidents.models import Incident, IncidentRole
from incidents.selectors import incidents_visible_to
from incidents.services.incidents import incident_assign
from tests.incidents.api.calling import issued, signed_in, with_secret
from tests.incidents.making import opened
from tests.people import Cast

TITLE = "Checkout fails"


def restricted(cast: Cast) -> Incident:
    incident = opened(cast)
    answer = signed_in(cast.commander).post(
        f"incidents/{incident.number}/restrict/", {"reason": "Leak"}
    )
    assert (answer.status, answer.body["is_restricted"]) == (200, True)
    return incident


def test_who_is_outside_finds_no_trace(cast: Cast) -> None:
    incident = restricted(cast)
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


def test_pages_metrics_and_approvals_leave_no_trace_either(cast: Cast) -> None:
    incident = restricted(cast)
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
