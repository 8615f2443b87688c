"""Files on a timeline: told by content, kept by digest, given out only as they were recorded."""

import hashlib
import io
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.utils import IntegrityError, ProgrammingError
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Event
from incidents.attachments import CHUNK, MAX_NAME, MediaType, Upload, checked
from incidents.models import Attachment, AttachmentPiece, TimelineEntry
from incidents.services.attachments import AttachmentBroken, attachment_open
from incidents.services.timeline import timeline_note
from portal.lib.errors import ValidationFailed
from tests.database import as_superuser
from tests.incidents.making import opened
from tests.people import Cast

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
MIB = 1 << 20


def upload(name: str = "app.log", content: bytes = b"disk full\n", limit: int = MIB) -> Upload:
    return checked(name, io.BytesIO(content), limit=limit)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(ValidationFailed) as caught:
        work()
    (error,) = caught.value.errors
    assert error.field == "files"
    return error.message


def noted(cast: Cast, *uploads: Upload, incident: object = None, text: str = "x") -> TimelineEntry:
    return timeline_note(
        incident=incident or opened(cast),  # type: ignore[arg-type] # one or the other
        by=cast.principal("responder"),
        text=text,
        attachments=uploads,
    )


@pytest.mark.parametrize(
    ("name", "content", "kind", "named"),
    [
        ("a.png", PNG, MediaType.PNG, "a.png"),
        ("a.html", PNG, MediaType.PNG, "a.html.png"),
        ("a.JPEG", b"\xff\xd8\xff\xe0x", MediaType.JPEG, "a.jpeg"),
        ("a", b"GIF89a...", MediaType.GIF, "a.gif"),
        ("a.pdf", b"%PDF-1.7", MediaType.PDF, "a.pdf"),
        ("a.log", "Größe <b>\x1b[31m\n".encode(), MediaType.TEXT, "a.log"),
        ("a.html", b"not <b>markup", MediaType.TEXT, "a.html.txt"),
        ("a.json", b'{"a": 1}', MediaType.JSON, "a.json"),
        ("a.csv", b"\xef\xbb\xbfa,b", MediaType.CSV, "a.csv"),
        ("a.png", b"only text", MediaType.TEXT, "a.png.txt"),
    ],
)
def test_the_content_decides_what_a_file_is(
    name: str, content: bytes, kind: MediaType, named: str
) -> None:
    found = upload(name, content)
    assert (found.media_type, found.name, found.size) == (kind, named, len(content))
    assert found.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b" \n<!DOCTYPE html><script>1</script>",
        b"\xef\xbb\xbf<?xml version='1.0'?>",
        b" " * (2 * CHUNK) + b"<html>",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"MZ\x90\x00",
        b"a\x00b",
        b"a" * CHUNK + b"\xff",
        "half ä".encode()[:-1],
        "<svg/>".encode("utf-16"),
    ],
)
def test_what_a_browser_could_run_and_what_is_unknown_is_refused(content: bytes) -> None:
    for name in ("a.png", "a.txt", "a.svg"):
        assert "none of the kinds" in refused(lambda name=name: upload(name, content))


def test_what_is_empty_or_too_large_is_refused_by_name() -> None:
    assert refused(lambda: upload("a.log", b"")) == "a.log is empty."
    assert refused(lambda: upload("a.log", b"x" * (MIB + 1))) == "a.log is larger than 1 MiB."
    assert upload("a.log", b"x" * MIB).size == MIB


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("../../etc/passwd", "passwd.txt"),
        ("C:\\temp\\a.log", "a.log"),
        ('a"\r\nX-Evil: 1.log', "a X-Evil 1.log"),
        ("\u202egol.exe.log", "gol.exe.log"),
        ("", "file.txt"),
        ("...", "file.txt"),
        (".log", "log.txt"),
        ("x" * 300 + ".log", "x" * (MAX_NAME - 4) + ".log"),
    ],
)
def test_names_lose_what_is_no_name(given_name: str, name: str) -> None:
    assert upload(given_name).name == name


@given(st.text(max_size=300))
def test_no_name_breaks_a_header_or_a_path(name: str) -> None:
    found = upload(name).name
    assert 0 < len(found) <= MAX_NAME
    assert found.isprintable()
    assert not set(found) & set('/\\"<>')


def test_its_digest_is_in_the_event_and_its_content_comes_back(cast: Cast) -> None:
    content = bytes(range(32, 127)) * 10_000
    entry = noted(cast, upload("big.log", content))
    event = Event.objects.get(pk=entry.event_id)
    assert hashlib.sha256(content).hexdigest() in bytes(event.entry).decode()
    attachment = entry.attachments.get()
    assert AttachmentPiece.objects.count() == -(-len(content) // CHUNK)
    with attachment_open(attachment) as file:
        assert file.read() == content


def test_the_same_content_is_kept_once(cast: Cast) -> None:
    incident = opened(cast)
    noted(cast, upload("a.log"), upload("b.log"), incident=incident)
    noted(cast, upload("c.log"), incident=opened(cast))
    assert AttachmentPiece.objects.count() == 1
    assert [each.name for each in Attachment.objects.all()] == ["b.log", "c.log"]


def test_files_alone_say_what_they_are(cast: Cast) -> None:
    assert noted(cast, upload("a.log"), text="").text == "Attached: a.log"


def test_an_incident_has_only_so_much_room(cast: Cast, settings: object) -> None:
    settings.ATTACHMENTS_MAX_BYTES = 3 * MIB  # type: ignore[attr-defined] # pytest-django's
    incident = opened(cast)
    noted(cast, upload("a.log", b"a" * MIB), upload("b.log", b"b" * MIB), incident=incident)
    noted(cast, upload("again.log", b"a" * MIB), incident=incident)
    message = refused(
        lambda: noted(cast, upload("c.log", b"c" * MIB), upload("d.log", b"d"), incident=incident)
    )
    assert f"{incident.number} would have more than 3 MiB" in message
    assert incident.timeline.count() == 3


def test_at_most_five_at_once(cast: Cast) -> None:
    uploads = [upload(f"{n}.log", b"%d" % n) for n in range(6)]
    assert refused(lambda: noted(cast, *uploads)) == "At most 5 files at once."
    assert not AttachmentPiece.objects.exists()


def test_a_correction_takes_attachments_and_pin_over(cast: Cast) -> None:
    incident, by = opened(cast), cast.principal("responder")
    first = noted(cast, upload("a.log"), incident=incident)
    second = timeline_note(
        incident=incident, by=by, text="y", supersedes=first, attachments=[upload("b.png", PNG)]
    )
    assert sorted(each.name for each in second.attachments.all()) == ["a.log", "b.png"]
    assert first.attachments.count() == 1


@pytest.mark.parametrize("change", ["UPDATE", "DELETE"])
def test_what_was_changed_behind_it_is_not_given_out(committed_cast: Cast, change: str) -> None:
    attachment = noted(committed_cast, upload()).attachments.get()
    with as_superuser() as database:
        database.execute("ALTER TABLE incidents_attachmentpiece DISABLE TRIGGER ALL")
        if change == "UPDATE":
            database.execute("UPDATE incidents_attachmentpiece SET content = 'other'")
        else:
            database.execute("DELETE FROM incidents_attachmentpiece")
    with pytest.raises(AttachmentBroken):
        attachment_open(attachment)
    event = Event.objects.latest("id")
    assert event.event == "attachment_broken"
    assert attachment.sha256 in bytes(event.entry).decode()


def test_the_application_itself_changes_no_content(cast: Cast) -> None:
    noted(cast, upload())
    for statement in (
        "UPDATE incidents_attachmentpiece SET content = ''",
        "DELETE FROM incidents_attachment",
    ):
        with pytest.raises((ProgrammingError, IntegrityError)), connection.cursor() as cursor:
            with transaction.atomic():
                cursor.execute(statement)


def test_an_uploaded_file_is_read_as_it_comes() -> None:
    file = SimpleUploadedFile("a.log", b"disk full\n")
    assert checked(file.name, file, limit=MIB).size == 10
