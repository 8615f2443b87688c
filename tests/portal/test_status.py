"""The status page: what the public is told, and that it needs no database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from audit.rows import row_save
from incidents.models import Service
from portal.lib.resilience import clock
from portal.stack.layout import Layout
from portal.status import snapshot
from tests.incidents.making import in_state, move, opened
from tests.people import TESTS, Cast

PATHS = ("/status/", "/status.json", "/status.atom")


@pytest.fixture(autouse=True)
def _own_var(settings: Any, tmp_path: Path) -> None:
    settings.VAR = Layout(tmp_path)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@contextmanager
def nothing_at(place: Path) -> Iterator[None]:
    """Where the database was."""
    configured = connections.settings["default"]
    host = configured["HOST"]
    connection.close()
    configured["HOST"] = str(place)
    try:
        yield
    finally:
        connection.close()
        configured["HOST"] = host


def told(client: Client) -> dict[str, Any]:
    snapshot.take()
    return client.get("/status.json").json()


def test_all_is_well_where_nothing_is_open(client: Client, cast: Cast) -> None:
    assert told(client)["status"] == "All systems operational"
    assert "No incident is reported" in client.get("/status/").content.decode()


def test_acknowledging_publishes_it_and_nothing_before_that(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "notified", "P0")
    assert told(client)["incidents"] == []
    move(cast, incident, "acknowledge")
    found = told(client)
    assert found["status"] == "Major outage"
    assert [(each["number"], each["status"]) for each in found["incidents"]] == [
        (incident.number, "Investigating")
    ]


def test_it_goes_on_through_the_words_until_it_is_resolved(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "investigating", "P1")
    assert told(client)["incidents"][0]["status"] == "Investigating"
    for name, word in (("fix", "Identified"), ("verify", "Monitoring"), ("document", "Resolved")):
        incident = move(cast, incident, name)
        assert told(client)["incidents"][0]["status"] == word
    assert told(client)["status"] == "All systems operational"


@pytest.mark.parametrize(
    "fields", [{"is_restricted": True}, {"is_drill": True}, {"severity": "P3"}]
)
def test_what_is_not_for_the_public_leaves_no_trace(
    client: Client, cast: Cast, fields: dict[str, Any]
) -> None:
    incident = opened(cast, **fields)
    for name in ("classify", "notify", "acknowledge"):
        incident = move(cast, incident, name)
    assert told(client)["incidents"] == []
    for path in PATHS:
        assert incident.number not in client.get(path).content.decode()


def test_neither_title_nor_people_are_told(client: Client, cast: Cast) -> None:
    in_state(cast, "acknowledged", "P0")
    snapshot.take()
    for path in PATHS:
        text = client.get(path).content.decode()
        assert "Checkout fails" not in text
        assert "commander" not in text


def test_the_service_is_told_by_its_name(client: Client, cast: Cast) -> None:
    service = Service(slug="payments", name="Payments <script>")
    row_save(instance=service, by=TESTS)
    incident = opened(cast, "P2", service=service)
    for name in ("classify", "notify", "acknowledge"):
        incident = move(cast, incident, name)
    assert told(client)["incidents"][0]["service"] == "Payments <script>"
    assert "Payments &lt;script&gt;" in client.get("/status/").content.decode()
    feed = client.get("/status.atom").content.decode()
    assert "<title>Payments &lt;script&gt;: Investigating</title>" in feed


def test_a_snapshot_costs_the_same_however_many_there_are(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    for _ in range(2):
        in_state(cast, "acknowledged")
        with django_assert_num_queries(1):
            snapshot.take()


def test_without_a_database_it_shows_the_last_one_and_its_age(
    client: Client, committed_cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_state(committed_cast, "acknowledged", "P1")
    snapshot.take()
    client.force_login(committed_cast.commander)
    later = clock.now() + 600
    monkeypatch.setattr(clock, "now", lambda: later)
    with nothing_at(tmp_path):
        # Also for who is signed in: whose session it is, is not asked.
        for path in PATHS:
            assert client.get(path).status_code == 200, path
        assert "This is 10 min old" in client.get("/status/").content.decode()
        assert client.get("/status.json").json()["is_stale"] is True


def test_where_there_never_was_one_it_is_taken_or_the_page_says_that_it_cannot(
    client: Client, committed_cast: Cast, tmp_path: Path
) -> None:
    assert client.get("/status.json").status_code == 200
    snapshot.path().unlink()
    with nothing_at(tmp_path):
        assert client.get("/status/").status_code == 503


@pytest.mark.parametrize("body", ["", "{}", '{"taken_at": 1}', json.dumps(["x"])])
def test_a_file_that_is_no_snapshot_is_none(body: str) -> None:
    snapshot.path().write_text(body)
    assert snapshot.last() is None


def test_only_reading_is_served(client: Client, cast: Cast) -> None:
    assert {client.post(path).status_code for path in PATHS} == {405}
