"""Alerts, clocks and the record of an incident over the API."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from incidents.models import Incident
from incidents.models.clock import ClockKind
from incidents.services.clocks import clock_pause
from incidents.tasks import drain_receipts
from tests.incidents.api.calling import Caller, signed_in
from tests.incidents.arranging import alert, many_alerts, many_entries, recorded
from tests.incidents.ingesting import received
from tests.incidents.making import in_state, move, opened, submitted
from tests.people import Cast


@pytest.fixture
def responder(cast: Cast) -> Caller:
    return signed_in(cast.responder)


def url(incident: Incident, path: str) -> str:
    return f"incidents/{incident.number}/{path}/"


def test_the_alerts_are_those_that_belong_to_it(cast: Cast, responder: Caller) -> None:
    incident, other = alert(cast, "mine"), alert(cast, "other")
    found = responder.get(url(incident, "alerts")).body["results"]
    assert [row["dedup_key"] for row in found] == ["mine"]
    assert (found[0]["source"], found[0]["status"], found[0]["receipt_count"]) == (
        *("probe", "firing"),
        1,
    )
    assert responder.get(url(other, "alerts")).body["results"][0]["dedup_key"] == "other"


@pytest.mark.parametrize("path", ["alerts", "clocks", "ledger", ""])
def test_reading_costs_the_same_for_any_number(cast: Cast, responder: Caller, path: str) -> None:
    counts = []
    for size in (1, 40):
        incident = opened(cast)
        many_alerts(cast, incident, size)
        many_entries(incident, size)
        with CaptureQueriesContext(connection) as queries:
            responder.get(f"incidents/{incident.number}/{path}/".replace("//", "/"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def clocks(caller: Caller, incident: Incident) -> dict[tuple[str, int], dict[str, object]]:
    found = caller.get(url(incident, "clocks")).body["results"]
    return {(clock["kind"], clock["cycle"]): clock for clock in found}


def test_each_clock_has_its_state_its_deadline_and_its_legs(cast: Cast, responder: Caller) -> None:
    incident = in_state(cast, "notified")
    found = clocks(responder, incident)
    assert {kind: clock["state"] for (kind, _), clock in found.items()} == {
        "acknowledge": "running",
        "respond": "running",
    }
    respond = found["respond", 1]
    target = incident.detected_at + timedelta(hours=1)
    assert respond["target_at"] == target.isoformat().replace("+00:00", "Z")
    assert [leg["target_seconds"] for leg in respond["legs"]] == [3600.0]
    move(cast, incident, "acknowledge")
    states = {kind: clock["state"] for (kind, _), clock in clocks(responder, incident).items()}
    assert states == {"acknowledge": "met", "respond": "met", "status_update": "running"}


def test_a_breach_is_told_though_no_worker_ran(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    long_ago = incident.detected_at - timedelta(hours=3)

    def begin_again() -> None:
        leg = incident.clock_legs.get()
        leg.pk, leg.cycle, leg.began_at = None, 2, long_ago
        leg.target_at = long_ago + timedelta(hours=1)
        leg.save(force_insert=True)

    recorded(begin_again)
    clock = clocks(responder, incident)["respond", 2]
    assert clock["state"] == "breached"
    assert clock["breached_at"] == clock["target_at"]


def test_a_pause_is_told_with_its_reason(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    by = cast.principal("commander")
    clock_pause(incident=incident, by=by, kind=ClockKind.RESPOND, reason="Vendor")
    clock = clocks(responder, incident)["respond", 1]
    assert (clock["state"], clock["legs"][-1]["reason"]) == ("paused", "Vendor")


def test_the_ledger_of_an_incident_is_all_that_touched_it(cast: Cast, responder: Caller) -> None:
    incident = alert(cast, "mine")
    other = alert(cast, "other")
    incident = move(cast, incident, "classify")
    signed_in(cast.auditor).post(url(incident, "notify"), {"reason": "x"})
    found = responder.get(url(incident, "ledger")).body["results"]
    assert [(event["event"], event["verdict"]) for event in found] == [
        ("governance_denied", "deny"),
        ("incident_classified", "allow"),
        ("alerts_processed", "allow"),
    ]
    newest = Event.objects.latest("id").pk
    assert found[0]["links"]["proof"].endswith(f"/api/v1/audit/events/{newest}/proof/")
    assert len(responder.get(url(other, "ledger")).body["results"]) == 1


def test_the_ledger_of_an_incident_has_its_postmortem(cast: Cast, responder: Caller) -> None:
    incident = in_state(cast, "postmortem")
    postmortem = submitted(cast, incident)
    accept = url(incident, "postmortem/accept")
    signed_in(cast.approver).post(accept, If_Match=f'"{postmortem.version}"')
    found = responder.get(url(incident, "ledger")).body["results"]
    assert [event["event"] for event in found[:2]] == [
        "postmortem_accepted",
        "postmortem_submitted",
    ]


def test_one_event_that_touched_two_incidents_is_in_the_ledger_of_both(
    cast: Cast, responder: Caller
) -> None:
    received(cast, "k", period=1)
    received(cast, "k", period=2)
    drain_receipts()
    events = [
        responder.get(url(incident, "ledger")).body["results"]
        for incident in Incident.objects.order_by("id")
    ]
    assert len(events) == 2
    assert events[0] == events[1]
