from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.models import Incident, IncidentRole
from incidents.procedure import State
from incidents.selectors.lists import open_by_severity
from incidents.services.incidents import incident_assign
from tests.incidents.arranging import alert, recorded
from tests.incidents.making import in_state, move, opened
from tests.incidents.pages.conftest import SignIn
from tests.people import Cast


def due_in(incident: Incident, minutes: int | None) -> Incident:
    def change() -> None:
        Incident.objects.filter(pk=incident.pk).update(
            next_target_at=minutes and incident.detected_at + timedelta(minutes=minutes)
        )

    recorded(change)
    return incident


def test_the_most_urgent_come_first(cast: Cast) -> None:
    calm, late, soon, none = (due_in(opened(cast), m) for m in (300, -30, 3, None))
    p0 = opened(cast, "P0")
    groups = open_by_severity(cast.commander, limit=10)
    assert [group.severity for group in groups] == ["P0", "P1", "P2", "P3"]
    assert [row.incident for row in groups[0].rows] == [p0]
    assert [row.incident for row in groups[1].rows] == [late, soon, calm, none]
    assert (groups[1].total, groups[1].breached) == (4, 1)


def test_it_says_what_is_open_and_who_leads(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, State.CONTAINED)
    in_state(cast, State.FALSE_POSITIVE)
    role = IncidentRole.Role.COMMANDER
    incident_assign(
        incident=incident, by=cast.principal("commander"), role=role, user=cast.responder
    )
    page = sign_in("auditor").get("/").text
    assert f'href="/incidents/{incident.number}/"' in page
    assert "Contained" in page
    assert "responder" in page
    assert "<strong>1</strong> open" in page
    assert "all within their deadlines" in page
    assert "Report an incident" not in page


def test_quiet_is_said_and_the_last_one_named(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("commander")
    assert "All quiet" in client.get("/").text
    ended = in_state(cast, State.FALSE_POSITIVE)
    page = client.get("/").text
    assert "No open incidents" in page
    assert f"{ended.number} {ended.title}" in page


def test_the_newest_alerts_show_their_fate(cast: Cast, sign_in: SignIn) -> None:
    incident = alert(cast, summary="Disk is full")
    alert(cast, status="resolved")
    page = sign_in("responder").get("/").text
    assert "Disk is full" in page
    assert "Opened an incident" in page
    assert "Resolved its alert" in page
    assert incident.number in page


def test_only_so_many_of_a_severity_are_drawn(
    cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incidents.pages.dashboard.ROWS_A_SEVERITY", 2)
    for _ in range(3):
        opened(cast)
    page = sign_in("commander").get("/").text
    assert "Showing the 2 most urgent of 3" in page


def test_a_poll_costs_nothing_while_nothing_changes(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("commander")
    address = reverse("incidents:dashboard-live")
    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["X-Vigil-Now"].isdigit()
    move(cast, incident, "classify")
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("commander")
    for number in (1, 12):
        for severity in ("P0", "P1", "P2", "P3"):
            for _ in range(number):
                opened(cast, severity)
        alert(cast, f"alert-{number}")
        counts = [queries(client, a) for a in ("/", reverse("incidents:dashboard-live"))]
        if number == 1:
            few = counts
    assert counts == few
