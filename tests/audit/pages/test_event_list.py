"""The audit viewer's list: who may look, what the filters find, how pages turn."""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.accounts import profile_change
from audit.models import Event
from audit.principal import person
from audit.rows import row_save
from incidents.models import Incident, Service, Source
from incidents.services.incidents import incident_open, incident_transition
from portal.lib.errors import GovernanceDenied
from portal.lib.trace import bound
from tests.people import TESTS, Cast

URL = reverse("audit:event-list")


@pytest.fixture
def auditor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.auditor)
    return client


def services(count: int) -> None:
    for number in range(count):
        row_save(instance=Service(slug=f"s-{number}", name=f"Service {number}"), by=TESTS)


def found(client: Client, **params: object) -> list[Event]:
    response = client.get(URL, {name: str(value) for name, value in params.items()}, follow=True)
    assert response.status_code == 200
    return [row.event for row in response.context["rows"]]


@pytest.mark.parametrize("name", ["auditor", "administrator"])
def test_who_holds_the_permission_may_look(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(URL).status_code == 200


@pytest.mark.parametrize("name", ["responder", "commander", "outsider"])
def test_others_may_not(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    number = Event.objects.order_by("-id").values_list("id", flat=True)[0]
    for page in ("event-detail", "event-entry", "event-changes"):
        assert client.get(reverse(f"audit:{page}", args=[number])).status_code == 403
    assert client.get(URL).status_code == 403


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get(URL).url == f"/login/?next={URL}"


def test_newest_come_first(auditor: Client) -> None:
    numbers = [event.pk for event in found(auditor)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == Event.objects.order_by("-id").values_list("id", flat=True)[0]


def test_each_filter_finds_its_own(cast: Cast, auditor: Client) -> None:
    with bound("0af7651916cd43dd8448eb211c80319c"):
        row_save(
            instance=Service(slug="api", name="API"), by=person(cast.administrator), reason="New"
        )
    added = Event.objects.order_by("-id")[0]
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="x", name="X"), by=person(cast.responder))
    denied = Event.objects.order_by("-id")[0]
    assert found(auditor, actor="user:administrator") == [added]
    assert found(auditor, actor="user:resp*") == [denied]
    assert found(auditor, action="incidents:service:add") == [denied, added]
    assert found(auditor, action="incidents:serv*") == [denied, added]
    assert found(auditor, target=added.target) == [added]
    assert found(auditor, target="incidents.service:*") == [denied, added]
    assert found(auditor, event="service_added") == [added]
    assert found(auditor, verdict="deny") == [denied]
    assert found(auditor, trace_id="0AF7651916CD43DD8448EB211C80319C") == [added]
    assert found(auditor, verdict="deny", actor="user:administrator") == []


def test_a_star_and_a_percent_are_only_themselves(auditor: Client) -> None:
    assert found(auditor, actor="%*") == []
    assert found(auditor, actor="_ser:*") == []


def test_a_time_range_ends_before_its_end(auditor: Client) -> None:
    services(3)
    first, second, third = Event.objects.order_by("-id")[:3][::-1]
    asked = {"from": first.at.isoformat(), "to": third.at.isoformat()}
    assert found(auditor, **asked) == [second, first]
    assert found(auditor, **{"from": third.at.isoformat()}) == [third]


def test_pages_turn_both_ways_and_meet(auditor: Client) -> None:
    services(120)
    everything = list(Event.objects.order_by("-id").values_list("id", flat=True))
    seen, addresses = [], [URL]
    while addresses[-1]:
        response = auditor.get(addresses[-1])
        seen.append([row.event.pk for row in response.context["rows"]])
        older = response.context["older"]
        addresses.append(URL + older if older else "")
    assert [number for numbers in seen for number in numbers] == everything
    back = auditor.get(addresses[-2]).context["newer"]
    assert [row.event.pk for row in auditor.get(URL + back).context["rows"]] == seen[-2]


def test_pages_turn_under_a_time_range_too(auditor: Client) -> None:
    services(60)
    start = Event.objects.order_by("at")[0].at.isoformat()
    first = auditor.get(URL, {"from": start.replace("+00:00", "Z")})
    second = auditor.get(URL + first.context["older"])
    numbers = [row.event.pk for page in (first, second) for row in page.context["rows"]]
    assert numbers == list(Event.objects.order_by("-at", "-id").values_list("id", flat=True))
    assert "from=" in second.context["newer"]


def test_turning_to_newer_never_ends_on_a_scrap(auditor: Client) -> None:
    services(60)
    second = auditor.get(URL, {"before": Event.objects.order_by("-id")[3].pk})
    newest = auditor.get(URL + second.context["newer"])
    assert len(newest.context["rows"]) == 50
    assert not newest.context["newer"]


def test_a_time_that_was_typed_is_in_the_viewers_zone(cast: Cast, auditor: Client) -> None:
    profile_change(user=cast.auditor, time_zone="Asia/Tokyo", by=person(cast.auditor))
    response = auditor.get(URL, {"from": "2026-02-12T18:30", "actor": ""})
    assert response.status_code == 302
    assert parse_qs(urlsplit(response.url).query) == {"from": ["2026-02-12T09:30Z"]}
    assert auditor.get(response.url).context["since"] == "2026-02-12T18:30:00"


def test_times_are_in_the_viewers_zone_with_utc_on_hover(cast: Cast, auditor: Client) -> None:
    profile_change(user=cast.auditor, time_zone="Asia/Tokyo", by=person(cast.auditor))
    page = auditor.get(URL).content.decode()
    shown = re.search(r'<time datetime="[^"]+"\s+title="([^"]+) UTC">([^<]+)</time>', page)
    assert shown is not None
    utc, local = (datetime.fromisoformat(text) for text in shown.groups())
    assert (local - utc.replace(microsecond=0)).total_seconds() == 9 * 3600


def test_what_is_wrong_is_said_beside_its_field(auditor: Client) -> None:
    response = auditor.get(URL, {"from": "yesterday", "trace_id": "xyz", "actor": "user:ada"})
    assert response.status_code == 400
    page = response.content.decode()
    assert "is not an instant like" in page
    assert "is not 32 hexadecimal digits" in page
    assert 'value="user:ada"' in page
    assert response.context["rows"] == []


@pytest.mark.parametrize("cursor", ["before", "after"])
def test_a_page_that_does_not_exist_is_said_to_be_so(auditor: Client, cursor: str) -> None:
    assert auditor.get(URL, {cursor: "x"}).status_code == 400
    in_time = {"from": "2020-01-01T00:00:00Z", cursor: "999999999"}
    assert auditor.get(URL, in_time).status_code == 400


def test_nothing_found_offers_a_way_out(auditor: Client) -> None:
    page = auditor.get(URL, {"actor": "user:nobody"}).content.decode()
    assert "No event fits these filters." in page
    assert f'href="{URL}"' in page


def test_a_refusal_says_why_and_what_was_allowed_says_what_for(cast: Cast, auditor: Client) -> None:
    row_save(instance=Source(slug="a", name="A"), by=TESTS, reason="The new detector")
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="x", name="X"), by=person(cast.outsider))
    rows = auditor.get(URL).context["rows"]
    assert rows[0].summary == "Your roles do not include “add service”."
    assert rows[1].summary == "The new detector"


def test_the_record_shows_restricted_incidents_to_who_may_read_it(
    cast: Cast, auditor: Client
) -> None:
    secret = Incident(title="Insider", severity="P1", is_restricted=False)
    incident = incident_open(incident=secret, by=person(cast.commander))
    row_save(
        instance=Service(slug="x", name="X"),
        related=lambda: Incident.objects.filter(pk=incident.pk).update(is_restricted=True),
        by=TESTS,
    )
    with pytest.raises(GovernanceDenied):
        incident_transition(
            incident=Incident.objects.get(pk=incident.pk), name="classify", by=person(cast.auditor)
        )
    events = found(auditor, target=f"incidents.incident:{incident.number}")
    assert [event.event for event in events] == ["governance_denied", "incident_opened"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_can_only_be_read(auditor: Client, method: str) -> None:
    number = Event.objects.order_by("-id")[0].pk
    for page in ("event-detail", "event-entry", "event-changes"):
        response = getattr(auditor, method)(reverse(f"audit:{page}", args=[number]))
        assert response.status_code == 405
    assert getattr(auditor, method)(URL).status_code == 405


@pytest.fixture
def counted(auditor: Client) -> Callable[..., int]:
    def count(**params: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            auditor.get(URL, params)
        asked = [query["sql"].lower() for query in captured]
        # What the sidebar counts it counts up to a limit.
        assert not any("count(" in sql and "limit" not in sql for sql in asked)
        return len(captured)

    return count


def test_a_page_costs_the_same_however_long_the_record_is(counted: Callable[..., int]) -> None:
    counted()
    before = counted(), counted(actor="system:*"), counted(verdict="allow")
    services(70)
    now = counted(), counted(actor="system:*"), counted(verdict="allow")
    # A page on which nobody is named saves the look-up of names.
    assert all(count <= then for count, then in zip(now, before, strict=True))
