"""The list of incidents, opening one, and reading one."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.rows import row_save
from incidents.models import Incident, Service
from tests.incidents.api.calling import Answer, Caller, signed_in
from tests.incidents.arranging import recorded
from tests.incidents.making import in_state, opened
from tests.people import TESTS, Cast


@pytest.fixture
def commander(cast: Cast) -> Caller:
    return signed_in(cast.commander)


def numbers(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [row["number"] for row in answer.body["results"]]


def many(count: int) -> list[Incident]:
    made = [Incident(title=f"Incident {number}", severity="P3") for number in range(count)]
    recorded(lambda: Incident.objects.bulk_create(made))
    return made


def test_the_newest_come_first(cast: Cast, commander: Caller) -> None:
    first, second = opened(cast), opened(cast)
    assert numbers(commander.get("incidents/")) == [second.number, first.number]


def test_pages_follow_each_other_and_lead_back(cast: Cast, commander: Caller) -> None:
    wanted = [f"INC-{incident.pk}" for incident in reversed(many(25))]
    found: list[str] = []
    answer = commander.get("incidents/?limit=10")
    pages = [answer]
    while answer.body["next"]:
        answer = commander.get(answer.body["next"].removeprefix("http://testserver"))
        pages.append(answer)
    for page in pages:
        found += numbers(page)
    assert found == wanted
    back = commander.get(pages[-1].body["previous"].removeprefix("http://testserver"))
    assert numbers(back) == numbers(pages[-2])


def test_the_list_costs_the_same_for_any_number(cast: Cast, commander: Caller) -> None:
    counts = []
    for size in (1, 45):
        many(size)
        with CaptureQueriesContext(connection) as queries:
            commander.get("incidents/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.fixture
def four(cast: Cast) -> dict[str, Incident]:
    service = Service(slug="checkout", name="Checkout")
    row_save(instance=service, by=TESTS)
    ended = in_state(cast, "false_positive", "P3")
    return {
        "p0": opened(cast, "P0", service=service),
        "acknowledged": in_state(cast, "acknowledged", "P1"),
        "p2": opened(cast, "P2"),
        "ended": ended,
    }


ALL = {"p0", "acknowledged", "p2", "ended"}
NARROWED: dict[str, set[str]] = {
    "": ALL,
    "state=open": {"p0", "acknowledged", "p2"},
    "state=ended": {"ended"},
    "state=acknowledged": {"acknowledged"},
    "severity=P0": {"p0"},
    "service=checkout": {"p0"},
    "text=checkout%20FAILS": ALL,
    "text=nothing": set(),
    "severity=P2&state=open&text=fails": {"p2"},
    "unknown=ignored": ALL,
}


def test_the_list_is_narrowed(four: dict[str, Incident], commander: Caller) -> None:
    for query, names in NARROWED.items():
        wanted = {four[name].number for name in names}
        assert set(numbers(commander.get(f"incidents/?{query}"))) == wanted, query


def test_the_list_is_narrowed_by_time_and_number(
    four: dict[str, Incident], commander: Caller
) -> None:
    at = four["p2"].detected_at.isoformat().replace("+00:00", "Z")
    later = (four["p2"].detected_at + timedelta(microseconds=1)).isoformat().replace("+", "%2B")
    assert numbers(commander.get(f"incidents/?from={at}&to={later}")) == [four["p2"].number]
    assert numbers(commander.get(f"incidents/?text={four['p0'].number}")) == [four["p0"].number]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=burning", "state"),
        ("severity=P9", "severity"),
        ("service=nowhere", "service"),
        ("from=yesterday", "from"),
        ("to=2026-99-01", "to"),
        ("text=a%00b", "text"),
        (f"text={'x' * 201}", "text"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=cD1hYmM%3D", "cursor"),  # p=abc
        ("cursor=cD0lMDA%3D", "cursor"),  # p=NUL
    ],
)
def test_a_bad_parameter_is_named(lone_commander: Caller, query: str, field: str) -> None:
    answer = lone_commander.get(f"incidents/?{query}")
    assert (answer.status, answer.code) == (400, "VALIDATION_FAILED")
    assert list(answer.fields) == [field]


def test_a_person_opens_an_incident(cast: Cast, commander: Caller) -> None:
    row_save(instance=Service(slug="checkout", name="Checkout"), by=TESTS)
    answer = commander.post(
        "incidents/",
        {
            "title": " Checkout fails ",
            "severity": "P1",
            "service": "checkout",
            "description": "Since noon.",
        },
    )
    assert answer.status == 201
    incident = Incident.objects.get()
    assert answer.headers["Location"] == f"/api/v1/incidents/{incident.number}/"
    assert answer.headers["ETag"] == '"1"'
    shown = {name: answer.body[name] for name in ("title", "severity", "service", "state")}
    assert shown == {
        "title": "Checkout fails",
        "severity": "P1",
        "service": "checkout",
        "state": "detected",
    }
    assert incident.timeline.filter(kind="note").get().text == "Since noon."


NEW = {"title": "Slow", "severity": "P2"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"title", "severity"}),
        ([NEW], {"body"}),
        ({**NEW, "title": "  "}, {"title"}),
        ({**NEW, "title": ["a"]}, {"title"}),
        ({**NEW, "title": "x" * 256}, {"title"}),
        ({**NEW, "title": "a\0b"}, {"title"}),
        ({**NEW, "severity": "P4"}, {"severity"}),
        ({**NEW, "service": "nowhere"}, {"service"}),
        ({**NEW, "description": "x" * 10_001}, {"description"}),
        (b"{", {"body"}),
        (b'{"title": "a", "title": "b"}', {"body"}),
    ],
)
def test_what_is_no_incident_is_refused_by_field(
    lone_commander: Caller, body: object, fields: set[str]
) -> None:
    answer = lone_commander.post("incidents/", body)
    assert (answer.status, set(answer.fields)) == (400, fields)
    assert not Incident.objects.exists()


def test_fields_that_are_not_asked_for_are_ignored(lone_commander: Caller) -> None:
    answer = lone_commander.post(
        "incidents/", {**NEW, "state": "closed", "version": 9, "is_restricted": True, "id": 1}
    )
    incident = Incident.objects.get()
    assert answer.status == 201
    assert (incident.state, incident.version, incident.is_restricted) == ("detected", 1, False)


def test_a_form_is_not_json(lone_commander: Caller) -> None:
    answer = lone_commander.post(
        "incidents/", b"title=a", Content_Type="application/x-www-form-urlencoded"
    )
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_may_not_be_larger_than_ten_mebibytes(lone_commander: Caller) -> None:
    answer = lone_commander.post("incidents/", b" " * (11 * 1024 * 1024))
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


def test_one_incident_says_what_is_possible_now(cast: Cast, commander: Caller) -> None:
    incident = opened(cast)
    commander.post(f"incidents/{incident.number}/assign/", {"role": "scribe", "user": "responder"})
    answer = commander.get(f"incidents/{incident.number}/")
    assert answer.headers["ETag"] == '"1"'
    assert [step["name"] for step in answer.body["transitions"]] == ["classify", "dismiss"]
    assert [(role["role"], role["user"]) for role in answer.body["roles"]] == [
        ("scribe", "responder")
    ]


def test_instants_are_in_utc_whoever_asks(cast: Cast, commander: Caller) -> None:
    def change() -> None:
        cast.commander.time_zone = "Asia/Tokyo"
        cast.commander.save()

    recorded(change)
    incident = opened(cast)
    detected = commander.get(f"incidents/{incident.number}/").body["detected_at"]
    assert detected == incident.detected_at.isoformat().replace("+00:00", "Z")
