"""What gives way before what: by the route, and for incidents by their severity."""

import pytest
from django.test import RequestFactory

from incidents.models import Incident
from incidents.services.incidents import incident_open
from portal.limits.classify import Class, classify
from portal.limits.incidents import Incidents
from portal.limits.table import Priority
from tests.people import Cast

BULK, READ, NORMAL, HIGH, CRITICAL = Priority


def priority(method: str, path: str, *, is_anonymous: bool = False, **headers: str) -> Class | None:
    request = RequestFactory(headers=headers).generic(method, path)
    return classify(request, is_anonymous=is_anonymous)


@pytest.fixture
def known(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """An open incident of each severity, looked up."""
    by = cast.principal("commander")
    made = {
        severity: incident_open(incident=Incident(title="x", severity=severity), by=by).pk
        for severity in ("P0", "P1", "P2", "P3")
    }
    looked = Incidents()
    looked.look()
    monkeypatch.setattr("portal.limits.classify.incidents", looked)
    return made


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("POST", "/api/v1/alerts/", CRITICAL),
        ("POST", "/api/v1/alerts", CRITICAL),
        ("POST", "/api/v1/ingest/alertmanager/", CRITICAL),
        ("POST", "/v2/enqueue", CRITICAL),
        ("POST", "/login/", HIGH),
        ("POST", "/sign-in/code/", HIGH),
        ("GET", "/governance/", HIGH),
        ("GET", "/system/", HIGH),
        ("POST", "/api/v1/audit/approvals/1/approve/", HIGH),
        ("POST", "/incidents/report/", NORMAL),
        ("DELETE", "/incidents/service/1/", NORMAL),
        ("GET", "/", READ),
        ("GET", "/incidents/live/", READ),
        ("GET", "/api/v1/incidents/", READ),
        ("GET", "/ledger/checkpoint", READ),
        ("GET", "/api/v1/receipts/1/", READ),
        ("GET", "/api/v1/incidents/?text=x", BULK),
        ("GET", "/incidents/incident/?q=x", BULK),
        ("GET", "/audit/export/", BULK),
        ("GET", "/api/v1/audit/export/", BULK),
        ("GET", "/ledger/tile/0/001", BULK),
        ("GET", "/api/schema/", BULK),
        ("BREW", "/", READ),
    ],
)
def test_each_route_has_its_priority(method: str, path: str, wanted: Priority) -> None:
    found = priority(method, path)
    assert found is not None
    assert found.priority is wanted


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/metrics", "/static/vigil/live.js"]
)
def test_who_asks_whether_it_lives_is_never_limited(path: str) -> None:
    assert priority("GET", path) is None
    assert priority("GET", path, is_anonymous=True) is None


@pytest.mark.parametrize("path", ["/health/liver", "/metrics/x", "/health/live/../login"])
def test_nothing_else_passes_for_them(path: str) -> None:
    assert priority("GET", path) is not None


@pytest.mark.parametrize(
    ("severity", "acting", "opening"),
    [("P0", CRITICAL, HIGH), ("P1", HIGH, HIGH), ("P2", NORMAL, READ), ("P3", NORMAL, READ)],
)
def test_an_incidents_severity_decides(
    known: dict[str, int], severity: str, acting: Priority, opening: Priority
) -> None:
    number = known[severity]
    for path in (f"/api/v1/incidents/INC-{number}/timeline/", f"/incidents/INC-{number}/move/fix/"):
        found = priority("POST", path)
        assert found is not None
        assert found.priority is acting
    found = priority("GET", f"/incidents/INC-{number}/")
    assert found is not None
    assert found.priority is opening
    live = priority("GET", f"/incidents/INC-{number}/live/")
    assert live == Class(READ, "live")


def test_acting_on_urgent_incidents_has_an_allowance_of_its_own(known: dict[str, int]) -> None:
    urgent = priority("POST", f"/api/v1/incidents/INC-{known['P0']}/acknowledge/")
    other = priority("POST", f"/api/v1/incidents/INC-{known['P2']}/acknowledge/")
    assert urgent == Class(CRITICAL, "urgent")
    assert other == Class(NORMAL, "requests")


def test_one_newer_than_the_last_look_counts_as_urgent(known: dict[str, int]) -> None:
    found = priority("POST", f"/api/v1/incidents/INC-{max(known.values()) + 1}/timeline/")
    assert found is not None
    assert found.priority is CRITICAL


def test_a_closed_incident_is_urgent_no_more(known: dict[str, int], cast: Cast) -> None:
    looked = Incidents()
    looked.look()
    assert looked.severity(known["P0"]) == "P0"
    assert looked.severity(known["P0"] - 1) == "" or known["P0"] - 1 in known.values()
    assert looked.severity(known["P3"]) == ""


def test_looking_costs_two_queries(
    known: dict[str, int], django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(2):  # type: ignore[operator] # pytest-django's
        Incidents().look()


def test_a_page_that_polls_counts_apart_from_what_is_clicked() -> None:
    clicked = priority("GET", "/incidents/incident/")
    polled = priority("GET", "/incidents/incident/", **{"HX-Trigger": "poll"})
    assert clicked == Class(READ, "requests")
    assert polled == Class(READ, "live")


@pytest.mark.parametrize(
    "path", ["/api/v1/alerts/", "/governance/", "/api/v1/incidents/INC-1/fix/"]
)
def test_whoever_shows_nothing_has_no_claim_before_those_who_did(path: str) -> None:
    assert priority("POST", path, is_anonymous=True) == Class(READ, "anonymous")


def test_but_may_sign_in() -> None:
    assert priority("POST", "/login/", is_anonymous=True) == Class(HIGH, "anonymous")
