"""The status page: what the public is told, and that it needs no database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.db import DatabaseError, connection, connections
from django.test import Client

from audit.principal import Principal
from audit.rows import row_save
from incidents.models import Incident, IncidentRole, Service, StatusUpdate
from incidents.publishing import Word
from incidents.services.incidents import incident_assign, incident_change_severity
from incidents.services.publishing import status_update
from incidents.services.restriction import incident_restrict, incident_unrestrict
from incidents.services.timeline import timeline_note
from incidents.severity import Severity
from portal.lib.errors import AuditUnavailable, GovernanceDenied
from portal.lib.resilience import clock
from portal.stack.layout import Layout
from portal.status import snapshot
from tests.database import as_superuser
from tests.incidents.arranging import recorded
from tests.incidents.making import in_state, move, opened
from tests.people import TESTS, Cast

ATOM = {"a": "http://www.w3.org/2005/Atom"}
PATHS = ("/status/", "/status.json", "/status.atom")


@pytest.fixture(autouse=True)
def _own_var(settings: Any, tmp_path: Path) -> None:
    settings.VAR = Layout(tmp_path)


def publish(
    cast: Cast,
    incident: Incident,
    text: str,
    word: Word | None = None,
    *,
    by: Principal | None = None,
) -> StatusUpdate:
    by = by or cast.principal("responder")
    return status_update(incident=incident, by=by, text=text, word=word)


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
    for name, word in (("fix", "Identified"), ("verify", "Monitoring")):
        incident = move(cast, incident, name)
        assert told(client)["incidents"][0]["status"] == word
    move(cast, incident, "document")
    found = told(client)
    assert (found["status"], found["incidents"]) == ("All systems operational", [])
    words = [update["status"] for update in found["past"][0]["updates"]]
    assert words == ["Resolved", "Monitoring", "Identified", "Investigating"]


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
    assert told(client)["services"] == [{"name": "Payments <script>", "status": "Degraded"}]
    row_save(instance=Service(slug="mail", name="Mail", is_public=True), by=TESTS)
    row_save(instance=Service(slug="inner", name="Inner"), by=TESTS)
    assert told(client)["services"][0] == {"name": "Mail", "status": "Operational"}
    assert "Inner" not in client.get("/status/").content.decode()


def test_what_a_person_wrote_is_escaped_everywhere(client: Client, cast: Cast) -> None:
    publish(cast, in_state(cast, "acknowledged"), "<b>1 & 2</b>\r\nTwo lines", Word.MONITORING)
    (incident,) = told(client)["incidents"]
    assert incident["status"] == "Monitoring"
    assert incident["updates"][0]["text"] == "<b>1 & 2</b>\nTwo lines"
    for path in ("/status/", "/status.atom"):
        text = client.get(path).content.decode()
        assert "&lt;b&gt;1 &amp; 2&lt;/b&gt;" in text
        assert "<b>1" not in text


def test_a_correction_is_published_anew_and_stands_first(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "acknowledged")
    for text in ("Cards fail.", "Cards fail in the EU."):
        publish(cast, incident, text)
    updates = told(client)["incidents"][0]["updates"]
    assert [each["text"] for each in updates][:2] == ["Cards fail in the EU.", "Cards fail."]


def test_notes_and_reasons_are_never_told(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "investigating")
    timeline_note(incident=incident, by=cast.principal("responder"), text="A secret note")
    move(cast, incident, "fix", reason="A secret cause")
    snapshot.take()
    for path in PATHS:
        assert "secret" not in client.get(path).content.decode()


def test_what_becomes_restricted_vanishes_with_the_next_snapshot(
    client: Client, cast: Cast
) -> None:
    incident = in_state(cast, "acknowledged", "P0")
    publish(cast, incident, "Cards fail.")
    by = cast.principal("commander")
    incident_restrict(incident=incident, by=by, reason="An attack")
    publish(cast, incident, "For us alone.", by=by)
    assert told(client)["status"] == "All systems operational"
    for path in PATHS:
        text = client.get(path).content.decode()
        assert not [word for word in (incident.number, "Cards", "alone", "outage") if word in text]
    incident.refresh_from_db()
    incident = move(cast, incident, "contain")
    incident = move(cast, incident, "investigate")
    incident = move(cast, incident, "fix")
    incident_assign(incident=incident, by=by, role=IncidentRole.Role.COMMANDER, user=cast.commander)
    incident_unrestrict(incident=incident, by=by, reason="It was none")
    words = [each["status"] for each in told(client)["incidents"][0]["updates"]]
    assert words == ["Identified", "Investigating", "Investigating"]
    assert "alone" not in client.get("/status/").content.decode()


def test_a_persons_word_stays_until_a_step_brings_another(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "acknowledged")
    publish(cast, incident, "It is the cable.", Word.IDENTIFIED)
    incident.refresh_from_db()
    for name in ("contain", "investigate", "fix"):
        incident = move(cast, incident, name)
        (shown,) = told(client)["incidents"]
        assert [each["status"] for each in shown["updates"]] == ["Identified", "Investigating"]
    move(cast, incident, "dismiss")
    assert told(client)["past"][0]["status"] == "Resolved"


def test_a_raised_severity_tells_what_now_concerns_the_public(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "acknowledged", "P3")
    assert told(client)["incidents"] == []
    incident_change_severity(
        incident=incident, by=cast.principal("commander"), severity=Severity.P1, reason="Worse"
    )
    assert told(client)["status"] == "Partial outage"


def test_what_was_resolved_is_shown_for_seven_days(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_state(cast, "documenting")
    assert len(told(client)["past"]) == 1
    later = clock.now() + timedelta(days=7, minutes=1).total_seconds()
    monkeypatch.setattr(clock, "now", lambda: later)
    assert told(client)["past"] == []


def test_the_feed_is_valid_and_its_entries_stay_as_they_are(client: Client, cast: Cast) -> None:
    def entries() -> list[dict[str, str]]:
        snapshot.take()
        feed = ET.fromstring(client.get("/status.atom").content)  # noqa: S314 - our own
        for name in ("id", "title", "updated", "author/a:name"):
            assert feed.findtext(f"a:{name}", None, ATOM), name
        return [
            {part: entry.findtext(f"a:{part}", "", ATOM) for part in ("id", "updated", "summary")}
            for entry in feed.findall("a:entry", ATOM)
        ]

    incident = in_state(cast, "acknowledged")
    first = entries()
    publish(cast, incident, "More.")
    second = entries()
    assert (second[1:], second[0]["summary"]) == (first, "More.")
    assert len({each["id"] for each in second}) == 2


def test_much_is_shown_within_bounds(client: Client, cast: Cast) -> None:
    incident = in_state(cast, "acknowledged")
    for number in range(12):
        publish(cast, incident, f"Number {number}")
    updates = told(client)["incidents"][0]["updates"]
    assert (len(updates), updates[0]["text"]) == (10, "Number 11")


def test_nobody_takes_back_what_was_told(cast: Cast) -> None:
    update = publish(cast, in_state(cast, "acknowledged"), "Told.")
    update.text = "Never told."
    for change in (update.save, update.delete):
        with pytest.raises(DatabaseError):
            recorded(change)
    update.refresh_from_db()
    assert update.text == "Told."


@pytest.mark.parametrize("who", ["auditor", "administrator", "outsider"])
def test_who_does_not_work_incidents_tells_nobody_anything(cast: Cast, who: str) -> None:
    incident = in_state(cast, "acknowledged")
    with pytest.raises(GovernanceDenied):
        publish(cast, incident, "x", by=cast.principal(who))
    assert incident.status_updates.count() == 1


def test_a_step_that_is_not_recorded_tells_nobody_anything(committed_cast: Cast) -> None:
    incident = in_state(committed_cast, "notified")
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    with pytest.raises(AuditUnavailable):
        move(committed_cast, incident, "acknowledge")
    assert not StatusUpdate.objects.exists()


def test_a_snapshot_costs_the_same_however_many_there_are(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    for _ in range(2):
        in_state(cast, "documenting")
        for _ in range(3):
            publish(cast, in_state(cast, "acknowledged"), "More.")
        with django_assert_num_queries(4):
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
