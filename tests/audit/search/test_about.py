"""Everything about an incident, a person, or any other object that the ledger names."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.accounts import password_set, token_issue
from audit.approvals.services import approval_give
from audit.event_filters import Cursor, parse_filter
from audit.models import ApiToken, Event
from audit.principal import client
from audit.rows import row_save
from audit.search import about
from audit.selectors import event_page
from incidents.models import AlertReceipt, Incident, Service
from incidents.services.timeline import timeline_note
from portal.lib.errors import GovernanceDenied
from tests.audit.sequencing import sequenced
from tests.audit.test_approvals import dismissed
from tests.incidents.ingesting import settled
from tests.incidents.making import in_state, opened
from tests.people import TESTS, Cast


def names(what: str) -> list[str]:
    sequenced()
    page = event_page(parse_filter({"about": what}), Cursor(), limit=200)
    return [event.event for event in page.events]


def test_an_incident_with_its_moves_and_its_postmortem_and_no_other(cast: Cast) -> None:
    incident, other = in_state(cast, "closed"), opened(cast)
    found = names(f"incidents.incident:{incident.number}")
    for event in ("incident_opened", "incident_acknowledged", "postmortem_accepted"):
        assert event in found
    assert found.count("incident_opened") == 1
    assert names(f"incidents.incident:{other.number}") == ["incident_opened"]


def test_an_incident_with_its_notes_and_its_approvals(cast: Cast) -> None:
    incident = opened(cast, "P0")
    timeline_note(incident=incident, by=cast.principal("responder"), text="Looking")
    asked = dismissed(cast, incident)
    approval_give(asked=asked, by=cast.principal("approver"), reason="Yes")
    found = names(f"incidents.incident:{incident.number}")
    for event in ("approval_requested", "approval_given", "incident_opened"):
        assert event in found
    assert len(found) == 5


def test_an_incident_with_the_alerts_that_were_received_for_it(cast: Cast) -> None:
    settled(cast, "disk")
    settled(cast, "network")
    incident = Incident.objects.order_by("pk")[0]
    received = AlertReceipt.objects.get(alert__incident=incident)
    found = names(f"incidents.incident:{incident.number}")
    assert "alerts_received" in found
    assert names(f"incidents.alertreceipt:{received.pk}").count("alerts_received") == 1


def test_a_person_as_actor_as_target_and_by_their_tokens(cast: Cast) -> None:
    token = ApiToken(name="ci", scopes=["admin"], user=cast.administrator)
    token_issue(token=token, by=TESTS)
    row_save(instance=Service(slug="a", name="A"), by=cast.principal("administrator"))
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="b", name="B"), by=client(ApiToken(name="ci", scopes=[])))
    password_set(user=cast.administrator, password="a long new one", by=TESTS)
    for what in (
        "user:administrator",
        "audit.user:administrator",
        f"audit.user:{cast.administrator.pk}",
    ):
        found = names(what)
        for event in ("user_created", "token_issued", "service_added", "governance_denied"):
            assert event in found, (what, event)
        assert "password_set" in found
        assert found.count("user_created") == 1


def test_a_person_by_what_they_asked_for_and_decided(cast: Cast) -> None:
    asked = dismissed(cast)
    approval_give(asked=asked, by=cast.principal("approver"), reason="Yes")
    for who in ("commander", "approver"):
        assert {"approval_requested", "approval_given"} <= set(names(f"user:{who}"))
    assert "approval_given" not in names("user:responder")


def test_any_other_target_by_its_name_and_by_its_row(cast: Cast) -> None:
    """As a grant will be, once there are grants: nothing has to be registered for it."""
    service = Service(slug="a", name="A")
    row_save(instance=service, by=TESTS)
    service.name = "B"
    row_save(instance=service, by=TESTS)
    assert names(f"incidents.service:{service.pk}") == ["service_changed", "service_added"]
    assert f"incidents_service:{service.pk}" in about.terms(f"incidents.service:{service.pk}")


@pytest.mark.parametrize(
    "what", ["incidents.service:x", "nothing.here:7", "incidents.incident:INC-99", "user:nobody"]
)
def test_what_is_not_there_has_nothing_on_record(cast: Cast, what: str) -> None:
    assert names(what) == []


def test_what_is_gone_keeps_its_record(cast: Cast) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="b", name="B"), by=cast.principal("outsider"))
    assert names("incidents.service:new") == ["governance_denied"]
    assert Event.objects.order_by("-id")[0].target == "incidents.service:new"


def test_its_terms_cost_the_same_however_much_belongs_to_it(cast: Cast) -> None:
    incident = opened(cast)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            about.terms(f"incidents.incident:{incident.number}")
        return len(captured)

    before = cost()
    for number in range(5):
        timeline_note(incident=incident, by=cast.principal("responder"), text=f"Note {number}")
    assert cost() == before
