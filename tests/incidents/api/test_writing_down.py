"""Timeline, status updates and postmortem over the API."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.api.inputs import PostmortemInput
from incidents.models import Incident, Postmortem
from incidents.services.postmortems import FIELDS
from tests.incidents.api.calling import Caller, signed_in
from tests.incidents.api.test_access import POSTMORTEM, WRITES
from tests.incidents.arranging import many_entries
from tests.incidents.making import in_state, opened
from tests.people import Cast


@pytest.fixture
def responder(cast: Cast) -> Caller:
    return signed_in(cast.responder)


def url(incident: Incident, path: str) -> str:
    return f"incidents/{incident.number}/{path}/"


def texts(caller: Caller, path: str) -> list[str]:
    return [entry["text"] for entry in caller.get(path).body["results"]]


def test_a_note_is_written_and_read(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    before = incident.detected_at - timedelta(hours=1)
    answer = responder.post(
        url(incident, "timeline"), {"text": " Disk full ", "occurred_at": before.isoformat()}
    )
    assert answer.status == 201
    shown = {name: answer.body[name] for name in ("kind", "text", "author", "superseded_by")}
    assert shown == {
        "kind": "note",
        "text": "Disk full",
        "author": "user:responder",
        "superseded_by": None,
    }
    assert answer.body["occurred_at"] == before.isoformat().replace("+00:00", "Z")
    # It happened before the incident was opened, so it stands below that.
    assert texts(responder, url(incident, "timeline")) == [
        "Opened as P1: Checkout fails",
        "Disk full",
    ]


def test_a_note_is_corrected(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    first = responder.post(url(incident, "timeline"), {"text": "Disk full"}).body
    second = responder.post(
        url(incident, "timeline"), {"text": "Inodes full", "supersedes": first["id"]}
    ).body
    assert second["supersedes"] == first["id"]
    entries = {
        entry["id"]: entry for entry in responder.get(url(incident, "timeline")).body["results"]
    }
    assert entries[first["id"]]["superseded_by"] == second["id"]


def test_a_bad_note_is_refused_by_field(cast: Cast, responder: Caller) -> None:
    incident, other = opened(cast), opened(cast)
    elsewhere = responder.post(url(other, "timeline"), {"text": "x"}).body["id"]
    later = (incident.detected_at + timedelta(hours=1)).isoformat()
    for body, field in (
        ({}, "text"),
        ({"text": " "}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": "x", "occurred_at": "noon"}, "occurred_at"),
        ({"text": "x", "occurred_at": later}, "occurred_at"),
        ({"text": "x", "supersedes": elsewhere}, "supersedes"),
        ({"text": "x", "supersedes": 10**30}, "supersedes"),
        ({"text": "x", "supersedes": "first"}, "supersedes"),
    ):
        answer = responder.post(url(incident, "timeline"), body)
        assert (answer.status, list(answer.fields)) == (400, [field]), body


def test_updates_are_what_was_told(cast: Cast, responder: Caller) -> None:
    incident = in_state(cast, "acknowledged")
    given = {"word": "identified", "text": "A cable is cut."}
    answer = responder.post(url(incident, "updates"), given)
    assert answer.status == 201
    assert {name: answer.body[name] for name in given} == given
    assert (answer.body["is_public"], answer.body["author"]) == (True, "user:responder")
    listed = responder.get(url(incident, "updates")).body["results"]
    assert listed[0] == answer.body
    assert [each["word"] for each in listed] == ["identified", "investigating"]
    assert listed[1]["author"] == "user:commander"
    cycles = incident.clock_legs.filter(kind="status_update").values_list("cycle", flat=True)
    assert set(cycles) == {1, 2}


def test_an_update_without_a_word_leaves_it_as_it_was_told(cast: Cast, responder: Caller) -> None:
    incident = in_state(cast, "acknowledged")
    for given, word in (({}, "investigating"), ({"word": "monitoring"}, "monitoring")):
        answer = responder.post(url(incident, "updates"), {"text": "x", **given})
        assert answer.body["word"] == word
    assert responder.post(url(incident, "updates"), {"text": "y"}).body["word"] == "monitoring"


def test_a_bad_update_is_refused_by_field(cast: Cast, responder: Caller) -> None:
    incident = in_state(cast, "acknowledged")
    for body, field in (
        ({}, "text"),
        ({"text": " "}, "text"),
        ({"text": "x" * 2_001}, "text"),
        ({"text": "a\x08b"}, "text"),
        ({"text": "x", "word": "fine"}, "word"),
        ({"text": "x", "word": ["resolved"]}, "word"),
    ):
        answer = responder.post(url(incident, "updates"), body)
        assert (answer.status, list(answer.fields)) == (400, [field]), body
    assert incident.status_updates.count() == 1


def test_a_timeline_costs_the_same_for_any_length(cast: Cast, responder: Caller) -> None:
    counts = []
    for size in (1, 45):
        incident = opened(cast)
        many_entries(incident, size)
        with CaptureQueriesContext(connection) as queries:
            responder.get(url(incident, "timeline"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_long_timeline_comes_in_pages_without_gaps(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    many_entries(incident, 25)
    found: list[int] = []
    path = f"/api/v1/{url(incident, 'timeline')}?limit=10"
    while path:
        body = responder.get(path).body
        found += [entry["id"] for entry in body["results"]]
        path = (body["next"] or "").removeprefix("http://testserver")
    assert found == list(
        incident.timeline.order_by("-occurred_at", "-id").values_list("pk", flat=True)
    )


# --- Postmortem


def test_the_input_names_the_fields_of_a_postmortem() -> None:
    assert set(PostmortemInput().fields) == set(FIELDS)


def test_there_is_no_postmortem_before_it_is_written(cast: Cast, responder: Caller) -> None:
    answer = responder.get(url(in_state(cast, "postmortem"), "postmortem"))
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_a_postmortem_is_written_read_rewritten_and_accepted(cast: Cast, responder: Caller) -> None:
    path = url(in_state(cast, "postmortem"), "postmortem")
    first = responder.put(path, POSTMORTEM)
    assert (first.status, first.headers["ETag"], first.body["author"]) == (201, '"1"', "responder")
    second = responder.put(path, {**POSTMORTEM, "impact": "None."}, If_Match='"1"')
    assert (second.status, second.headers["ETag"]) == (200, '"2"')
    assert responder.get(path).body == second.body
    lacking = responder.post(f"{path}submit/")
    assert (lacking.status, lacking.code) == (400, "VALIDATION_FAILED")
    why = responder.post(f"{path}whys/", {"text": "It was full."})
    below = responder.post(f"{path}whys/", {"text": "It leaked.", "parent": why.body["id"]})
    assert (below.status, below.body["depth"]) == (201, 2)
    assert responder.post(f"{path}items/", WRITES["postmortem/items/"]).status == 201
    assert responder.post(f"{path}submit/", If_Match='"5"').body["status"] == "In review"
    approver = signed_in(cast.approver)
    assert approver.post(f"{path}accept/", If_Match='"1"').code == "CONFLICT"
    accepted = approver.post(f"{path}accept/", If_Match='"5"')
    assert (accepted.status, accepted.body["accepted_by"]) == (200, "approver")
    assert responder.put(path, POSTMORTEM).code == "CONFLICT"


def test_sections_whys_and_items_are_changed_one_by_one(cast: Cast, responder: Caller) -> None:
    path = url(in_state(cast, "postmortem"), "postmortem")
    seen = responder.put(path, POSTMORTEM).body["seen"]
    section = f"{path}sections/impact/"
    first = responder.put(section, {"text": "All.", "seen": seen["impact"]})
    assert (first.status, first.body["text"], first.headers["ETag"]) == (200, "All.", '"2"')
    assert responder.put(section, {"text": "No.", "seen": seen["impact"]}).code == "CONFLICT"
    factors = responder.put(f"{path}sections/contributing_factors/", {"text": "- a\n- b"})
    assert factors.body["text"] == "a\nb"
    assert responder.put(f"{path}sections/odd/", {"text": ""}).status == 404
    why = responder.post(f"{path}whys/", {"text": "Old."}).body
    one = f"{path}whys/{why['id']}/"
    assert responder.put(one, {"text": "New.", "seen": why["seen"]}).body["text"] == "New."
    assert responder.put(one, {"text": "x", "seen": why["seen"]}).code == "CONFLICT"
    assert responder.post(f"{path}whys/", {"text": "x", "parent": 10**6}).fields.keys() == {
        "parent"
    }
    assert responder.call("DELETE", one).body["whys"] == []
    item = responder.post(f"{path}items/", WRITES["postmortem/items/"]).body
    one = f"{path}items/{item['id']}/"
    moved = responder.call("PATCH", one, {"due_on": "2041-01-01"}, If_Match='"1"')
    assert (moved.body["due_on"], moved.headers["ETag"]) == ("2041-01-01", '"2"')
    assert responder.call("PATCH", one, {"kind": "detect"}, If_Match='"1"').code == "CONFLICT"
    assert responder.call("PATCH", one, {"owner": "nobody"}).fields.keys() == {"owner"}
    assert responder.post(f"{one}drop/", {"reason": "Too late"}).body["state"] == "dropped"
    assert responder.post(f"{one}reopen/").body["reason"] == ""
    assert responder.post(f"{one}complete/").body["state"] == "done"
    assert [row["id"] for row in responder.get("action-items/?state=done").body["results"]] == [
        item["id"]
    ]
    assert responder.get("action-items/?owner=commander").body["results"] == []


def test_nobody_writes_over_what_somebody_else_wrote(cast: Cast, responder: Caller) -> None:
    path = url(in_state(cast, "postmortem"), "postmortem")
    responder.put(path, POSTMORTEM)
    responder.put(path, {**POSTMORTEM, "impact": "None."}, If_Match='"1"')
    answer = signed_in(cast.commander).put(path, POSTMORTEM, If_Match='"1"')
    assert (answer.status, answer.code) == (409, "CONFLICT")
    assert Postmortem.objects.get().impact == "None."


def test_a_postmortem_written_at_once_says_what_happened(cast: Cast, responder: Caller) -> None:
    path = url(in_state(cast, "postmortem"), "postmortem")
    answer = responder.put(path, {"lessons": "Many."})
    assert (answer.status, set(answer.fields)) == (400, {"summary", "impact", "root_cause"})
    without = {name: text for name, text in POSTMORTEM.items() if name != "lessons"}
    assert responder.put(path, without).body["lessons"] == ""


def test_a_postmortem_waits_for_the_fix(cast: Cast, responder: Caller) -> None:
    answer = responder.put(url(opened(cast), "postmortem"), POSTMORTEM)
    assert (answer.status, answer.code) == (409, "CONFLICT")
