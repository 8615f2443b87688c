"""What is typed into the quick entry, with its files: done by its service, once, or refused and kept."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from incidents.models import ActionItem, Attachment, Incident
from incidents.procedure import State
from incidents.services.pins import MAX_PINS, entry_pin
from incidents.services.restriction import incident_restrict
from incidents.services.timeline import timeline_note, timeline_note_pinned
from portal.lib.errors import Conflict
from tests.incidents.arranging import many_entries
from tests.incidents.making import in_state, opened, written
from tests.incidents.pages.act import SCRIPT
from tests.incidents.pages.conftest import SignIn
from tests.incidents.pages.test_dashboard import queries
from tests.incidents.pages.test_war_room import address, ids
from tests.people import Cast

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def add(client: Client, incident: Incident, text: str, *files: Any, **data: Any) -> HttpResponse:
    sent = {"text": text, "files": list(files), **data}
    return client.post(address(incident, "note-add"), sent, headers=SCRIPT)


def file(name: str = "app.log", content: bytes = b"disk full\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def exists(**fields: object) -> Callable[[Incident], bool]:
    return lambda incident: incident.timeline.filter(**fields).exists()


@pytest.mark.parametrize(
    ("state", "typed", "is_done"),
    [
        (State.DETECTED, "//var is full", exists(kind="note", text="/var is full")),
        (State.DETECTED, "/pin Bridge", exists(pin__isnull=False, text="Bridge")),
        (State.DETECTED, "/status We look", exists(kind="status_update", text__endswith="We look")),
        (State.DETECTED, "/severity p0 All", exists(kind="severity", text="P1 → P0: All")),
        (State.NOTIFIED, "/ack On it", exists(kind="transition", text="Acknowledged: On it")),
        (
            State.DETECTED,
            "/role scribe @responder",
            lambda i: i.roles.filter(role="scribe").exists(),
        ),
        (State.DETECTED, "/at 2026-01-01 02:14 Lag", exists(text="Lag", occurred_at__year=2026)),
        (
            State.POSTMORTEM,
            "/action Alert @responder due 2040-12-01 detect",
            lambda _i: ActionItem.objects.filter(text="Alert", kind="detect").exists(),
        ),
    ],
)
def test_a_command_is_what_its_button_does(
    cast: Cast, sign_in: SignIn, state: str, typed: str, is_done: Callable[[Incident], bool]
) -> None:
    incident = in_state(cast, state)
    if state == State.POSTMORTEM:
        written(cast, incident)
    assert add(sign_in("commander"), incident, typed).status_code == 204
    assert is_done(incident)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("/nope x", "There is no command /nope"),
        ("/pin", "Write /pin TEXT"),
        ("/severity P9 x", "Write /severity"),
        ("/severity P0", "Write /severity"),
        ("/role scribe responder", "Write /role"),
        ("/role king @responder", "Write /role"),
        ("/role scribe @outsider", "Nobody called @outsider"),
        ("/action Alert @responder due 2040-12-01", "is not begun yet"),
        ("/at 2999-01-01 02:14 x", 'data-invalid="note_occurred_at">When it happened</a>: 2999'),
        ("/ack", "does not follow from"),
    ],
)
def test_what_is_misused_is_refused_with_how_to_write_it(
    cast: Cast, sign_in: SignIn, typed: str, words: str
) -> None:
    incident = opened(cast)
    response = add(sign_in("commander"), incident, typed)
    assert response.status_code in {400, 409}
    assert words in response.text
    assert response["X-Vigil-Fragment"] == "refusal"
    assert incident.timeline.count() == 1


@pytest.mark.parametrize("typed", ["/severity P0 All", "/role scribe @responder"])
def test_a_command_takes_the_permission_of_its_button(
    cast: Cast, sign_in: SignIn, typed: str
) -> None:
    response = add(sign_in("responder"), opened(cast), typed)
    assert response.status_code == 403
    assert "Your roles do not include" in response.text


def test_sent_twice_is_written_once(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("responder")
    for _ in range(2):
        assert add(client, incident, "Disk full", file(), key="k").status_code == 204
    assert incident.timeline.filter(text="Disk full").count() == 1
    answer = add(client, incident, "Inodes full", file(), key="k")
    assert answer.status_code == 422
    assert "has arrived meanwhile" in answer.text
    assert add(sign_in("commander"), incident, "Inodes full", key="k").status_code == 204
    assert add(client, incident, "Inodes full", key="other").status_code == 204
    assert incident.timeline.filter(text="Inodes full").count() == 2


def test_what_failed_is_tried_anew(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("responder")
    assert add(client, incident, " ", key="k").status_code == 400
    assert add(client, incident, "Disk full", key="k").status_code == 204


def test_a_file_is_attached_shown_and_given_out_to_be_saved(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("responder")
    assert add(client, incident, "", file("a.png", PNG), file()).status_code == 204
    image, log = Attachment.objects.order_by("name").first(), Attachment.objects.get(name="app.log")
    page = sign_in("auditor").get(address(incident)).text
    shown = reverse("incidents:attachment-image", args=[incident.pk, image.pk])
    assert f'<img src="{shown}" width="120" height="80"' in page
    saved = reverse("incidents:attachment", args=[incident.pk, log.pk])
    response = client.get(saved)
    assert b"".join(response.streaming_content) == b"disk full\n"
    assert response["Content-Disposition"] == 'attachment; filename="app.log"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]
    inline = client.get(shown)
    assert b"".join(inline.streaming_content) == PNG
    assert (inline["Content-Type"], inline["Content-Length"]) == ("image/png", str(len(PNG)))
    assert client.get(f"{saved}image/").status_code == 404, "what is no image is never shown"
    response.close()
    inline.close()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.svg", b"<svg/>", "is none of the kinds"),
        ("a.log", b"", "is empty"),
        ("a.log", b"x" * (10 * 2**20 + 1), "is larger than 10 MiB"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_by_name(
    cast: Cast, sign_in: SignIn, name: str, content: bytes, words: str
) -> None:
    incident = opened(cast)
    response = add(sign_in("responder"), incident, "x", file(name, content))
    assert response.status_code == 400
    assert f"{name} {words}" in response.text
    assert 'data-invalid="note_files"' in response.text
    assert incident.timeline.count() == 1


def test_five_large_files_fit_and_more_is_refused_unread(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("responder")
    large = [file(f"{n}.log", bytes([97 + n]) * (10 * 2**20)) for n in range(5)]
    assert add(client, incident, "x", *large).status_code == 204
    assert Attachment.objects.count() == 5
    path = address(incident, "note-add")
    for who, length in ((client, 52 * 2**20), (Client(), 11 * 2**20)):
        refused = who.post(path, b"", "multipart/form-data", CONTENT_LENGTH=str(length))
        assert refused.status_code == 413


def test_too_many_files_are_refused_before_they_are_read(cast: Cast, sign_in: SignIn) -> None:
    incident = opened(cast)
    response = add(sign_in("responder"), incident, "x", *[file(f"{n}.log") for n in range(6)])
    assert response.status_code == 413
    assert not Attachment.objects.exists()


def test_commands_that_are_no_notes_take_no_files(cast: Cast, sign_in: SignIn) -> None:
    response = add(sign_in("commander"), opened(cast), "/status Slow", file())
    assert "/status takes no files" in response.text


def test_a_restricted_incident_shows_neither_files_nor_pins(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("responder")
    add(client, incident, "/pin x", file("a.png", PNG))
    attachment, entry = Attachment.objects.get(), incident.pins.get().entry
    incident_restrict(incident=incident, by=cast.principal("commander"), reason="security")
    other = opened(cast)
    for number in (incident.pk, other.pk):
        for name in ("attachment", "attachment-image"):
            path = reverse(f"incidents:{name}", args=[number, attachment.pk])
            assert client.get(path).status_code == 404
        for name in ("entry-pin", "entry-unpin"):
            path = reverse(f"incidents:{name}", args=[number, entry.pk])
            assert client.post(path, headers=SCRIPT).status_code == 404
    shown = reverse("incidents:attachment", args=[incident.pk, attachment.pk])
    response = sign_in("commander").get(shown)
    assert response.status_code == 200
    response.close()


# --- Pins -----------------------------------------------------------------------------------------


def test_pins_stand_on_top_and_follow_corrections(cast: Cast, sign_in: SignIn) -> None:
    incident, by = opened(cast), cast.principal("responder")
    note = timeline_note_pinned(incident=incident, by=by, text="Bridge 4")
    better = timeline_note(incident=incident, by=by, text="Bridge 5", supersedes=note)
    pins = sign_in("auditor").get(address(incident)).text.partition('id="pins"')[2]
    pins = pins.partition("</section>")[0]
    assert f'id="pin-{better.pk}"' in pins
    assert "Bridge 5" in pins
    assert "Bridge 4" not in pins
    assert "Unpin" not in pins, "who may not write takes nothing off"
    with pytest.raises(Conflict, match="pin the newer"):
        entry_pin(incident=incident, by=by, entry=note)
    with pytest.raises(Conflict, match="pinned already"):
        entry_pin(incident=incident, by=by, entry=better)


def test_only_so_many_are_pinned(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("responder")
    for number in range(MAX_PINS):
        timeline_note_pinned(incident=incident, by=by, text=str(number))
    with pytest.raises(Conflict, match="At most 10"):
        timeline_note_pinned(incident=incident, by=by, text="one more")
    assert not incident.timeline.filter(text="one more").exists()


def test_a_pin_is_live(cast: Cast, sign_in: SignIn) -> None:
    incident, client = opened(cast), sign_in("responder")
    note = timeline_note(incident=incident, by=cast.principal("responder"), text="x")
    live = address(incident, "incident-live") + f"?since={note.pk}"
    seen = client.get(live)["ETag"]
    assert client.get(live, headers={"If-None-Match": seen}).status_code == 304
    entry_pin(incident=incident, by=cast.principal("commander"), entry=note)
    response = client.get(live, headers={"If-None-Match": seen})
    assert response.status_code == 200
    assert f'id="pin-{note.pk}"' in response.text


# --- Filter ---------------------------------------------------------------------------------------


@pytest.fixture
def mixed(cast: Cast, sign_in: SignIn) -> Incident:
    incident = opened(cast)
    add(sign_in("responder"), incident, "Disk full on a", file())
    add(sign_in("commander"), incident, "/pin Bridge on b")
    add(sign_in("commander"), incident, "/severity P0 All")
    return incident


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("kind=notes", ["Bridge on b", "Disk full on a"]),
        ("kind=steps", ["P1 → P0: All", "Opened as P1: Checkout fails"]),
        ("kind=alerts", []),
        ("author=responder", ["Disk full on a"]),
        ("author=nobody", []),
        ("q=FULL+disk", ["Disk full on a"]),
        ("pinned=1", ["Bridge on b"]),
        ("files=1", ["Disk full on a"]),
        ("kind=notes&author=commander&q=on&pinned=1", ["Bridge on b"]),
        ("kind=nope&q=%00", None),
    ],
)
def test_a_timeline_is_narrowed(
    cast: Cast, sign_in: SignIn, mixed: Incident, query: str, texts: list[str] | None
) -> None:
    shown = ids(sign_in("auditor").get(f"{address(mixed)}?{query}").text, "entry")
    entries = {entry.pk: entry.text for entry in mixed.timeline.all()}
    expected = len(entries) if texts is None else None
    assert len(shown) == expected if expected else [entries[pk] for pk in shown] == texts


def test_what_is_live_and_what_is_older_keep_to_the_filter(
    cast: Cast, sign_in: SignIn, mixed: Incident
) -> None:
    client = sign_in("auditor")
    many_entries(mixed, 60)
    page = client.get(f"{address(mixed)}?q=Note&author=responder").text
    assert len(ids(page, "entry")) == 50
    assert "/live/?author=responder&amp;q=Note" in page
    older = page.partition('hx-get="' + address(mixed, "timeline-older"))[2].partition('"')[0]
    assert "&author=responder&amp;q=Note" in older or "&amp;q=Note" in older
    path = address(mixed, "timeline-older") + older.replace("&amp;", "&")
    assert len(ids(client.get(path).text, "entry")) == 10
    newest = mixed.timeline.order_by("-id").first()
    by = cast.principal("responder")
    for text in ("Note that fits", "Other"):
        timeline_note(incident=mixed, by=by, text=text)
    live = f"{address(mixed, 'incident-live')}?q=Note&since={newest.pk}"
    assert len(ids(client.get(live).text, "entry")) == 1


def test_a_filter_costs_the_same_however_long_the_timeline_is(
    cast: Cast, sign_in: SignIn, mixed: Incident
) -> None:
    client, path = sign_in("auditor"), f"{address(mixed)}?kind=notes&q=o&files="
    many_entries(mixed, 60)
    few = queries(client, path)
    many_entries(mixed, 1_000)
    assert queries(client, path) == few
