"""Files, pins and filters of a timeline over the API."""

import hashlib
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents.models import Attachment, AttachmentPiece
from incidents.services.restriction import incident_restrict
from tests.incidents.api.calling import Answer, Caller, issued, signed_in, with_secret
from tests.incidents.arranging import many_entries
from tests.incidents.making import opened
from tests.incidents.pages.test_dashboard import queries
from tests.people import Cast

LOG = b"disk full\n"


@pytest.fixture
def responder(cast: Cast) -> Caller:
    return signed_in(cast.responder)


def path(incident: Any, rest: str = "timeline/") -> str:
    return f"/api/v1/incidents/{incident.number}/{rest}"


def send(caller: Caller, incident: Any, *contents: bytes, key: str = "", **data: Any) -> Answer:
    files = [SimpleUploadedFile(f"{n}.log", content) for n, content in enumerate(contents)]
    headers = {**caller.headers, **({"Idempotency-Key": key} if key else {})}
    response = caller.client.post(path(incident), {**data, "files": files}, headers=headers)
    return Answer(response.status_code, json.loads(response.content), dict(response.items()))


def test_a_note_brings_files_along(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    answer = send(responder, incident, LOG, text="Look", pinned="true")
    assert answer.status == 201
    (shown,) = answer.body["attachments"]
    assert (shown["name"], shown["media_type"], shown["size"]) == ("0.log", "text/plain", len(LOG))
    assert shown["sha256"] == hashlib.sha256(LOG).hexdigest()
    assert answer.body["is_pinned"]
    listed = responder.get(path(incident)).body["results"][0]
    assert (listed["attachments"], listed["is_pinned"]) == ([shown], True)
    got = responder.client.get(shown["url"])
    assert b"".join(got.streaming_content) == LOG
    assert got["Content-Disposition"].startswith("attachment;")
    got.close()


def test_sent_twice_with_one_key_it_is_kept_once(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    first, again = (send(responder, incident, LOG, text="x", key="k") for _ in range(2))
    assert (first.status, again.status, first.body) == (201, 201, again.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = send(responder, incident, b"other", text="x", key="k")
    assert (other.status, other.code) == (422, "IDEMPOTENCY_MISMATCH")
    assert Attachment.objects.count() == 1


def test_what_cannot_be_taken_is_refused_by_field(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    for content in (b"", b"<svg/>"):
        answer = send(responder, incident, content, text="x")
        assert (answer.status, list(answer.fields)) == (400, ["files"])
    both = {"text": "y", "pinned": True, "supersedes": incident.timeline.get().pk}
    assert list(responder.post(path(incident), both).fields) == ["pinned"]
    assert not AttachmentPiece.objects.exists()


def test_texts_are_no_commands(cast: Cast, responder: Caller) -> None:
    answer = responder.post(path(opened(cast)), {"text": "/severity P0 x"})
    assert (answer.status, answer.body["text"]) == (201, "/severity P0 x")


def test_an_entry_is_pinned_and_unpinned(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    pin = path(incident, f"timeline/{incident.timeline.get().pk}/pin/")
    assert responder.post(pin).status == 204
    assert (answer := responder.post(pin)).code == "CONFLICT", answer.body
    assert responder.call("DELETE", pin).status == 204
    assert responder.call("DELETE", pin).code == "CONFLICT"
    assert signed_in(cast.auditor).post(pin).status == 403
    assert responder.post(path(incident, "timeline/1/pin/")).status == 404


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("kind=notes", ["b", "a"]),
        ("kind=steps", ["Opened as P1: Checkout fails"]),
        ("author=commander&kind=notes", ["b"]),
        ("text=A", ["a"]),
        ("pinned=true", ["b"]),
        ("files=true", ["a"]),
        ("pinned=false&files=false&kind=", ["b", "a", "Opened as P1: Checkout fails"]),
    ],
)
def test_a_timeline_is_narrowed(
    cast: Cast, responder: Caller, query: str, texts: list[str]
) -> None:
    incident = opened(cast)
    send(responder, incident, LOG, text="a")
    signed_in(cast.commander).post(path(incident), {"text": "b", "pinned": True})
    found = responder.get(f"{path(incident)}?{query}").body["results"]
    wanted = [entry["text"] for entry in found]
    assert [text for text in wanted if text in texts] == texts
    assert responder.get(f"{path(incident)}?kind=nope").fields.keys() == {"kind"}


def test_a_restricted_incidents_files_are_not_there(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    url = send(responder, incident, LOG, text="x").body["attachments"][0]["url"]
    incident_restrict(incident=incident, by=cast.principal("commander"), reason="security")
    assert responder.client.get(url).status_code == 404
    assert (
        responder.client.get(url.replace(incident.number, opened(cast).number)).status_code == 404
    )
    secret = with_secret(issued("alerts:write", user=cast.commander))
    assert secret.client.get(url, headers=secret.headers).status_code == 403


def test_files_and_pins_cost_the_same_however_many(cast: Cast, responder: Caller) -> None:
    incident = opened(cast)
    send(responder, incident, LOG, text="x")
    few = queries(responder.client, path(incident))
    for number in range(5):
        send(responder, incident, b"%d" % number, text="x", pinned="true")
    many_entries(incident, 100)
    assert queries(responder.client, path(incident)) == few
