from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.rows import row_save
from incidents.models import Incident, Service
from incidents.procedure import State
from incidents.selectors.lists import IncidentFilter, incident_list
from incidents.services.incidents import incident_open
from tests.incidents.making import in_state, move, opened
from tests.incidents.pages.conftest import SignIn
from tests.incidents.pages.test_dashboard import queries
from tests.people import TESTS, Cast

LIST = reverse("admin:incidents_incident_changelist")


def titled(
    cast: Cast, title: str, severity: str = "P2", service: Service | None = None
) -> Incident:
    incident = Incident(title=title, severity=severity, service=service)
    return incident_open(incident=incident, by=cast.principal("commander"))


def found(cast: Cast, **wanted: object) -> list[Incident]:
    return incident_list(cast.auditor, IncidentFilter(**wanted), limit=50).rows  # type: ignore[arg-type] # any filter


def test_it_is_narrowed_by_state_severity_service_and_time(cast: Cast) -> None:
    service = Service(slug="api", name="API")
    row_save(instance=service, by=TESTS)
    begun = titled(cast, "One", "P2", service)
    working = in_state(cast, State.FIXING, "P1")
    ended = in_state(cast, State.CLOSED, "P3")
    assert found(cast) == [ended, working, begun]
    assert found(cast, state="open") == [working, begun]
    assert found(cast, state="ended") == [ended]
    assert found(cast, state=State.FIXING) == [working]
    assert found(cast, severity="P3") == [ended]
    assert found(cast, service=service.pk) == [begun]
    assert found(cast, since=working.detected_at) == [ended, working]
    assert found(cast, until=working.detected_at) == [begun]


def test_it_is_searched_by_number_and_by_words_of_the_title(cast: Cast) -> None:
    api, web = titled(cast, "API errors in Zürich"), titled(cast, "Web is slow, API too")
    assert found(cast, text="api") == [web, api]
    assert found(cast, text="zürich API") == [api]
    assert found(cast, text="100% _ \\") == []
    assert found(cast, text=web.number.lower()) == [web]
    assert found(cast, text=str(api.pk)) == [api]
    assert found(cast, text="9" * 30) == []


def test_it_goes_on_where_it_stopped(cast: Cast) -> None:
    third, second, first = (titled(cast, f"Number {n}") for n in (3, 2, 1))
    page = incident_list(cast.auditor, IncidentFilter(), limit=2)
    assert (page.rows, page.has_more) == ([first, second], True)
    page = incident_list(cast.auditor, IncidentFilter(), before=second.pk, limit=2)
    assert (page.rows, page.has_more) == ([third], False)


def test_the_page_begins_with_what_is_open(cast: Cast, sign_in: SignIn) -> None:
    working, ended = in_state(cast, State.FIXING), in_state(cast, State.FALSE_POSITIVE)
    client = sign_in("commander")
    page = client.get(LIST).text
    assert working.number in page
    assert ended.number not in page
    page = client.get(LIST, {"state": ""}).text
    assert ended.number in page


def test_pages_are_linked(cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidents.pages.listing.ROWS", 1)
    older, newer = titled(cast, "Older one"), titled(cast, "Newer one")
    client = sign_in("auditor")
    page = client.get(LIST, {"state": "open", "q": "one"}).text
    assert newer.number in page
    assert f"?state=open&amp;q=one&amp;before={newer.pk}" in page
    page = client.get(LIST, {"state": "open", "q": "one", "before": newer.pk}).text
    assert older.number in page
    assert "Back to the newest" in page
    assert 'id="poll"' not in page


def test_a_range_may_be_given_in_the_viewers_zone(cast: Cast, sign_in: SignIn) -> None:
    opened(cast)
    now = timezone.now()
    asked = {
        "range": "custom",
        "since": (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        "until": (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    }
    client = sign_in("auditor")
    assert "Checkout fails" in client.get(LIST, asked).text
    asked["until"] = asked["since"]
    assert "No incident fits" in client.get(LIST, asked).text


@pytest.mark.parametrize(
    "nonsense",
    [
        {"state": "gone"},
        {"severity": "P9"},
        {"service": "x"},
        {"range": "custom", "since": "yesterday"},
        {"before": "x" * 300},
        {"before": "9" * 40},
        {"q": "a\0b"},
    ],
)
def test_nonsense_is_said_to_be_that(cast: Cast, sign_in: SignIn, nonsense: dict[str, str]) -> None:
    opened(cast)
    assert sign_in("auditor").get(LIST, nonsense).status_code == 200


def test_its_first_page_is_live(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("commander")
    script = {"HX-Request": "true"}
    first = client.get(LIST, headers=script)
    assert "<html" not in first.text
    script["If-None-Match"] = first["ETag"]
    assert client.get(LIST, headers=script).status_code == 304
    move(cast, incident, "classify")
    assert client.get(LIST, headers=script).status_code == 200


def test_the_number_of_queries_does_not_grow(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in("commander")
    opened(cast)
    few = queries(client, LIST)
    for _ in range(20):
        opened(cast)
    assert queries(client, LIST) == few
