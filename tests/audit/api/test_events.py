"""`GET /api/v1/audit/events/`: the record for programs."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from audit.accounts import token_issue, token_revoke
from audit.event_filters import NAMES
from audit.models import ApiToken, Event, User
from audit.principal import person
from audit.rows import row_save
from incidents.models import Service
from portal.lib.canonical import dumps
from portal.lib.errors import GovernanceDenied
from tests.audit.sequencing import sequenced
from tests.people import TESTS, Cast

URL = "/api/v1/audit/events/"
Issue = Callable[..., dict[str, str]]


@pytest.fixture
def bearer(cast: Cast) -> Issue:
    """Issues a token and returns the header that carries it."""

    def issue(*scopes: str, user: User | None = None) -> dict[str, str]:
        token = ApiToken(name="-".join(scopes), scopes=list(scopes), user=user)
        return {"Authorization": f"Bearer {token_issue(token=token, by=TESTS)}"}

    return issue


@pytest.fixture
def auditor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.auditor)
    return client


def services(count: int) -> None:
    for number in range(count):
        row_save(instance=Service(slug=f"s-{number}", name=f"Service {number}"), by=TESTS)


def numbers(body: dict[str, Any]) -> list[int]:
    return [result["entry"]["id"] for result in body["results"]]


def everything() -> list[int]:
    return list(Event.objects.order_by("-id").values_list("id", flat=True))


# --- Who may


def test_a_session_of_an_auditor_may_read(auditor: Client) -> None:
    assert auditor.get(URL).status_code == 200


def test_a_token_with_the_scope_may_read(client: Client, bearer: Issue) -> None:
    assert client.get(URL, headers=bearer("audit:read")).status_code == 200


def test_a_token_acts_within_what_its_person_may(cast: Cast, client: Client, bearer: Issue) -> None:
    assert client.get(URL, headers=bearer("audit:read", user=cast.auditor)).status_code == 200
    refused = client.get(URL, headers=bearer("admin", user=cast.commander))
    assert refused.status_code == 403


@pytest.mark.parametrize("scope", ["alerts:write", "incidents:read", "forensics:read"])
def test_a_token_with_another_scope_may_not(client: Client, bearer: Issue, scope: str) -> None:
    response = client.get(URL, headers=bearer(scope))
    assert response.status_code == 403
    body = response.json()
    assert (body["status"], body["error_code"]) == ("forbidden", "GOVERNANCE_DENIED")
    assert body["message"] == "The token lacks the scope audit:read."


def test_the_scope_of_a_token_binds_an_auditor_too(
    cast: Cast, client: Client, bearer: Issue
) -> None:
    headers = bearer("incidents:read", user=cast.auditor)
    assert client.get(URL, headers=headers).status_code == 403


@pytest.mark.parametrize("name", ["responder", "commander", "outsider"])
def test_other_roles_may_not(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    for address in (URL, f"{URL}{everything()[0]}/"):
        response = client.get(address)
        assert (response.status_code, response.json()["error_code"]) == (403, "GOVERNANCE_DENIED")


def test_nobody_is_told_to_sign_in(client: Client, db: None) -> None:
    response = client.get(URL)
    assert (response.status_code, response.json()["error_code"]) == (401, "NOT_AUTHENTICATED")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_nobody(cast: Cast, client: Client, bearer: Issue) -> None:
    headers = bearer("audit:read")
    token = ApiToken.objects.get(name="audit:read")
    token_revoke(token=token, by=person(cast.administrator))
    assert client.get(URL, headers=headers).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_can_only_be_read(client: Client, bearer: Issue, method: str) -> None:
    headers = bearer("audit:read", "admin")
    before = everything()
    for address in (URL, f"{URL}{before[0]}/"):
        response = getattr(client, method)(address, headers=headers)
        assert (response.status_code, response.json()["error_code"]) == (405, "METHOD_NOT_ALLOWED")
    assert everything() == before


# --- What it says


def test_an_entry_is_what_its_leaf_is_the_hash_of(auditor: Client) -> None:
    services(1)
    [event] = auditor.get(URL, {"limit": 1}).json()["results"]
    stored = Event.objects.get(pk=event["entry"]["id"])
    assert dumps(event["entry"]) == bytes(stored.entry)
    assert hashlib.sha256(b"\0" + dumps(event["entry"])).hexdigest() == event["leaf_hash"]
    assert event["index"] is None


def test_one_event_says_the_same_as_in_the_list(auditor: Client) -> None:
    [event] = auditor.get(URL, {"limit": 1}).json()["results"]
    address = f"{URL}{event['entry']['id']}/"
    assert auditor.get(address).json() == event
    assert event["links"] == {
        "self": f"http://testserver{address}",
        "proof": f"http://testserver{address}proof/",
        "page": f"http://testserver{reverse('audit:event-detail', args=[event['entry']['id']])}",
    }


@pytest.mark.parametrize("number", [0, 999_999, 2**70])
def test_what_is_not_there_is_not_found(auditor: Client, number: int) -> None:
    response = auditor.get(f"{URL}{number}/")
    assert (response.status_code, response.json()["error_code"]) == (404, "NOT_FOUND")


def test_filters_are_those_of_the_viewer(cast: Cast, auditor: Client) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="x", name="X"), by=person(cast.responder))
    newest = Event.objects.order_by("-id")[0]
    for asked in (
        {"verdict": "deny"},
        {"actor": "user:responder"},
        {"action": "incidents:service:*", "event": "governance_denied"},
        {"target": "incidents.service:new"},
        {"from": newest.at.isoformat()},
    ):
        assert numbers(auditor.get(URL, asked).json()) == [newest.pk], asked


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"from": "yesterday", "verdict": "maybe"}, ["from", "verdict"]),
        ({"limit": "1000"}, ["limit"]),
        ({"before": "x"}, ["before"]),
        ({"after": "999999999", "from": "2020-01-01T00:00:00Z"}, ["after"]),
        ({"actor": "a\0b"}, ["actor"]),
    ],
)
def test_what_is_wrong_is_named(auditor: Client, asked: dict[str, str], fields: list[str]) -> None:
    response = auditor.get(URL, asked)
    body = response.json()
    assert (response.status_code, body["error_code"]) == (400, "VALIDATION_FAILED")
    assert [error["field"] for error in body["errors"]] == fields


# --- Pages


@pytest.mark.parametrize("asked", [{}, {"from": "2020-01-01T00:00:00Z"}, {"actor": "system:*"}])
def test_following_next_sees_everything_once(auditor: Client, asked: dict[str, str]) -> None:
    services(30)
    wanted = numbers(auditor.get(URL, {**asked, "limit": 200}).json())
    body = auditor.get(URL, {**asked, "limit": 7}).json()
    seen = [numbers(body)]
    while body["next"]:
        body = auditor.get(body["next"]).json()
        seen.append(numbers(body))
    assert [number for page in seen for number in page] == wanted
    for page in reversed(seen[:-1]):
        body = auditor.get(body["previous"]).json()
        assert numbers(body) == page
    assert body["previous"] is None


def test_a_reader_misses_nothing_that_is_added_meanwhile(auditor: Client) -> None:
    services(10)
    first = auditor.get(URL, {"limit": 5}).json()
    row_save(instance=Service(slug="late", name="Late"), by=TESTS)
    second = auditor.get(first["next"]).json()
    assert numbers(second)[0] == everything()[6]
    newer = auditor.get(URL, {"after": numbers(first)[0]}).json()
    assert numbers(newer) == [everything()[0]]


def test_a_page_costs_the_same_however_long_the_record_is(auditor: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            auditor.get(URL, {"limit": 200})
        return len(captured)

    cost()
    before = cost()
    services(60)
    assert cost() == before


# --- Its description


def test_it_describes_itself_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        schema = SchemaGenerator().get_schema(request=None, public=True)
    said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert [message for message in said if "audit" in message] == []
    validate_schema(schema)
    operation = schema["paths"][URL]["get"]
    names = [parameter["name"] for parameter in operation["parameters"]]
    assert names == sorted((*NAMES, "limit", "before", "after"))
    assert operation["security"] == [{"bearerToken": []}, {"session": []}]


def test_its_description_is_true_of_what_it_says(auditor: Client) -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    event = auditor.get(URL, {"limit": 1}).json()["results"][0]
    described = schema["components"]["schemas"]
    assert set(described["EventSchema"]["properties"]) == set(event)
    assert set(described["EntrySchema"]["properties"]) == set(event["entry"])
    assert json.dumps(event)


def test_words_and_objects_find_what_they_find_on_the_page(auditor: Client) -> None:
    services(3)
    sequenced()
    asked = {"text": '"service added"', "limit": "2"}
    first = auditor.get(URL, asked).json()
    assert [result["entry"]["data"]["name"] for result in first["results"]] == [
        "Service 2",
        "Service 1",
    ]
    rest = auditor.get(first["next"]).json()
    assert [result["entry"]["data"]["name"] for result in rest["results"]] == ["Service 0"]
    assert auditor.get(rest["previous"]).json()["results"] == first["results"]
    target = rest["results"][0]["entry"]["target"]
    about = auditor.get(URL, {"about": target}).json()["results"]
    assert about == rest["results"]


@pytest.mark.parametrize(
    ("name", "value"), [("text", "-x"), ("text", "x" * 201), ("about", "x"), ("within", "soon")]
)
def test_what_cannot_be_searched_for_is_named(auditor: Client, name: str, value: str) -> None:
    response = auditor.get(URL, {name: value})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [name]


def test_words_give_nothing_away_to_who_may_not_read_the_record(cast: Cast, client: Client) -> None:
    client.force_login(cast.responder)
    assert client.get(URL, {"text": "service"}).status_code == 403
