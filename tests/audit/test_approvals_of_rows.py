"""Rows that a call makes or changes, as data: seen by who approves, and run as they were approved."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.accounts import token_issue
from audit.approvals.execution import execute
from audit.approvals.services import approval_deny, approval_give
from audit.approvals.wording import lines
from audit.models import ApiToken, ApprovalRequest
from audit.rows import row_delete, row_save
from incidents.models import Incident, Service
from incidents.services.incidents import incident_open
from incidents.severity import Severity
from portal.lib.errors import ApprovalRequired, GovernanceDenied
from tests.audit.test_approvals import state
from tests.audit.test_approvals_execution import activate
from tests.people import TESTS, Cast

ASKS = """@id("all")
permit (principal, action, resource);
@id("two")
@says("It takes two.")
@escalate("true")
forbid (principal, action, resource)
when { principal.is_person && context.approvals < 1
    && ["incidents.service", "incidents.incident", "audit.apitoken"].contains(resource.kind) };
"""


@pytest.fixture
def cast(cast: Cast) -> Cast:
    activate(cast, ASKS)
    return cast


def asked_for() -> ApprovalRequest:
    return ApprovalRequest.objects.latest("requested_at")


def shown(asked: ApprovalRequest) -> set[tuple[str, str | None, str]]:
    return {(line.name, line.before, line.value) for line in lines(asked)}


def service() -> Service:
    row = Service(slug="pay", name="Pay")
    row_save(instance=row, by=TESTS)
    return row


def test_an_incident_is_opened_as_it_was_approved(cast: Cast) -> None:
    incident = Incident(title="Card data seen", severity=Severity.P1, service=service())
    with pytest.raises(ApprovalRequired):
        incident_open(incident=incident, by=cast.principal("commander"), description="In logs")
    asked = asked_for()
    wanted = {("Title", None, "Card data seen"), ("Severity", None, "P1"), ("Service", None, "Pay")}
    assert wanted <= shown(asked)
    approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "executed", asked.outcome
    made = Incident.objects.get()
    assert (made.title, made.severity, made.service) == ("Card data seen", "P1", incident.service)


def test_its_fields_are_under_the_digest(cast: Cast) -> None:
    with pytest.raises(ApprovalRequired):
        row_save(instance=Service(slug="a", name="A"), by=cast.principal("administrator"))
    asked = asked_for()
    asked.arguments["instance"]["fields"]["name"] = "B"
    execute(asked)
    assert state(asked) == "failed"
    assert not Service.objects.filter(slug="a").exists()


def test_a_change_is_shown_as_before_and_after_and_made(cast: Cast) -> None:
    row = service()
    row.name = "Payments"
    with pytest.raises(ApprovalRequired):
        row_save(instance=row, by=cast.principal("administrator"))
    asked = asked_for()
    assert ("Name", "Pay", "Payments") in shown(asked)
    approval_give(asked=asked, by=cast.principal("approver"))
    assert state(asked) == "executed", asked.outcome
    assert Service.objects.get().name == "Payments"


def test_a_row_that_changed_meanwhile_stays_as_it_is(cast: Cast) -> None:
    row = service()
    with pytest.raises(ApprovalRequired):
        row_delete(instance=row, by=cast.principal("administrator"))
    row.description = "In use now"
    row_save(instance=row, by=TESTS)
    asked = asked_for()
    approval_give(asked=asked, by=cast.principal("approver"))
    assert (state(asked), Service.objects.count()) == ("failed", 1)
    assert "has changed since" in asked.outcome


def test_what_holds_a_secret_is_never_kept_to_run_later(cast: Cast) -> None:
    token = ApiToken(name="t", scopes=["audit:read"], user=cast.auditor)
    with pytest.raises(GovernanceDenied):
        token_issue(token=token, by=cast.principal("administrator"))
    assert not ApprovalRequest.objects.exists()


def test_the_form_leads_to_where_it_waits_and_pressing_again_finds_the_same(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.administrator)
    typed = {"name": "Pay", "slug": "pay", "description": ""}
    first = client.post(reverse("admin:incidents_service_add"), typed)
    again = client.post(reverse("admin:incidents_service_add"), typed)
    waits = reverse("audit:approval-detail", args=[asked_for().pk])
    assert (first.url, again.url) == (waits, waits)
    assert ApprovalRequest.objects.count() == 1
    assert "Pay" in client.get(waits).content.decode()


def test_what_was_declined_can_be_asked_for_again(cast: Cast) -> None:
    def press() -> None:
        with pytest.raises(ApprovalRequired):
            row_save(instance=Service(slug="a", name="A"), by=cast.principal("administrator"))

    press()
    approval_deny(asked=asked_for(), by=cast.principal("approver"), reason="Not now")
    press()
    press()
    assert ApprovalRequest.objects.count() == 2
