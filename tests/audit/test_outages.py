"""Times in which nothing could be recorded: found after they end, checked, and reviewed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from structlog.testing import capture_logs

from audit import journal
from audit.gate import latch
from audit.journal import disk
from audit.journal import outage as outage_of_journal
from audit.ledger import lag
from audit.models import Event, Outage
from audit.outages import outage_review, outages_find
from audit.principal import Principal
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    DbUnavailable,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from tests.database import as_superuser, pointed_at
from tests.people import TESTS, Cast

PAGE = reverse("audit:outages")
ADD = "incidents:service:add"


@pytest.fixture
def journaled(tmp_path: Path, settings: object, committed_cast: Cast) -> Iterator[Path]:
    settings.JOURNAL_DIR = tmp_path / "journal"
    yield tmp_path / "journal"
    journal.close()


def add_service(slug: str, by: Principal = TESTS) -> None:
    row_save(instance=Service(slug=slug, name=slug), by=by)


def break_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    add_service("before")
    with monkeypatch.context() as patch:
        patch.setattr(disk, "free", lambda _where: 0.01)
        for _ in range(3):
            with pytest.raises(AuditUnavailable):
                add_service("meanwhile")
    add_service("after")


def break_ledger(by: Principal = TESTS) -> None:
    add_service("before")
    with as_superuser() as opened:
        opened.execute("ALTER TABLE audit_event RENAME TO broken")
        for _ in range(2):
            with pytest.raises((AuditUnavailable, DatabaseError)):
                add_service("meanwhile", by)
        opened.execute("ALTER TABLE broken RENAME TO audit_event")
    assert outages_find() == 0  # It has no end before something is recorded again.
    add_service("after")


def test_a_journal_that_could_not_be_written_is_put_up_for_review_once(
    journaled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch)
    assert (outages_find(), outages_find()) == (1, 0)
    outage = Outage.objects.get()
    assert (outage.source, outage.refused, outage.problems) == ("journal", 3, [])
    assert "of the disk is free" in outage.why
    assert outage.began_at <= outage.ended_at
    assert Event.objects.latest("id").event == "outage_found"


def test_a_directory_that_was_deleted_is_found_and_its_lost_lines_are_said(
    journaled: Path,
) -> None:
    add_service("before")
    shutil.rmtree(journaled)
    with pytest.raises(AuditUnavailable):
        add_service("meanwhile")
    add_service("after")
    assert outages_find() == 1
    outage = Outage.objects.get()
    assert "deleted" in outage.why
    assert any("was meant by no line of the journal" in problem for problem in outage.problems)


def test_a_ledger_that_took_no_event_is_found_with_what_was_meant(journaled: Path) -> None:
    break_ledger()
    assert (outages_find(), outages_find()) == (1, 0)
    outage = Outage.objects.get()
    assert (outage.source, outage.refused, outage.problems) == ("ledger", 2, [])
    assert {meant["action"] for meant in outage.explained} == {"incidents:service:add"}
    assert {meant["event"] for meant in outage.explained} == {None}
    assert not Service.objects.filter(slug="meanwhile").exists()


def test_who_was_refused_while_the_journal_was_away_is_listed(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = committed_cast.principal("administrator")
    add_service("before")
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(disk, "free", lambda _where: 0.01)
        with pytest.raises(AuditUnavailable):
            add_service("meanwhile", by)
    assert [log["action"] for log in logs if log["event"] == "attempt_refused"] == [ADD]
    add_service("after")
    outages_find()
    outage = Outage.objects.get()
    (tried,) = outage.explained
    assert (tried["actor"], tried["action"]) == (by.recorded, ADD)
    assert "of the disk is free" in tried["why"]
    assert tried["at"] <= outage.ended_at.isoformat()
    assert (outage.refused, outage.unlisted) == (1, 0)
    page = client_of(committed_cast, "administrator").get(PAGE).content.decode()
    assert "by user:administrator on" in page
    assert "known by number only" not in page


def test_of_more_than_can_be_listed_the_number_is_known(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage_of_journal, "MOST_LISTED", 2)
    break_journal(monkeypatch)
    outages_find()
    outage = Outage.objects.get()
    assert (outage.refused, len(outage.explained), outage.unlisted) == (3, 2, 1)
    page = client_of(committed_cast, "administrator").get(PAGE).content.decode()
    assert "3 attempts, 1 of which is known by number only" in " ".join(page.split())


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch, settings: object) -> Iterator[Callable[[float], None]]:
    """Makes the oldest event wait so long for its checkpoint."""
    settings.MAX_CHECKPOINT_LAG = 60

    def be_late(seconds: float) -> None:
        lag.forget()
        monkeypatch.setattr(lag, "seconds", lambda: seconds)

    yield be_late
    lag.forget()


def test_what_was_refused_while_no_checkpoint_came_is_an_outage_with_who_tried_what(
    journaled: Path, committed_cast: Cast, late: Callable[[float], None]
) -> None:
    by = committed_cast.principal("administrator")
    add_service("before")
    late(90)
    for _ in range(3):
        with pytest.raises(AuditUnavailable):
            add_service("meanwhile", by)
    assert outages_find() == 0
    late(0)
    add_service("after")
    assert (outages_find(), outages_find()) == (1, 0)
    outage = Outage.objects.get()
    assert (outage.source, outage.refused, outage.unlisted) == ("ledger", 3, 0)
    assert "waited 90 s for a signed checkpoint" in outage.why
    assert outage.problems == []
    assert {(tried["actor"], tried["action"]) for tried in outage.explained} == {(by.recorded, ADD)}
    assert all(tried["event"] is None for tried in outage.explained)


def test_a_long_outage_does_not_fill_the_disk(
    journaled: Path,
    committed_cast: Cast,
    late: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outage_of_journal, "MOST_LISTED", 2)
    add_service("before")
    late(90)
    for _ in range(5):
        with pytest.raises(AuditUnavailable):
            add_service("meanwhile")
    late(0)
    add_service("after")
    outages_find()
    outage = Outage.objects.get()
    assert (outage.refused, len(outage.explained), outage.unlisted) == (5, 2, 3)


def test_a_database_that_could_not_be_reached_is_an_outage_with_who_tried_what(
    journaled: Path, committed_cast: Cast
) -> None:
    by = committed_cast.principal("administrator")
    add_service("before")
    with pointed_at("vigil_no_such_database"), pytest.raises(DbUnavailable):
        add_service("meanwhile", by)
    add_service("after")
    assert (outages_find(), outages_find()) == (1, 0)
    outage = Outage.objects.get()
    assert (outage.source, outage.refused, outage.problems) == ("database", 1, [])
    (tried,) = outage.explained
    assert (tried["actor"], tried["action"]) == (by.recorded, ADD)
    page = client_of(committed_cast, "administrator").get(PAGE).content.decode()
    assert "The database could not be reached" in page


@pytest.mark.parametrize(
    ("path", "headers", "route"),
    [
        ("/api/v1/alerts/", {"Authorization": "Bearer vgl_x"}, "POST /api/v1/alerts/"),
        ("/api/v1/incidents/INC-7/close/", {}, "close/"),
    ],
)
def test_a_request_that_knew_nobody_yet_is_noted_by_its_route(
    journaled: Path, path: str, headers: dict[str, str], route: str
) -> None:
    add_service("before")
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    with pointed_at("vigil_no_such_database"):
        answer = client.post(path, b"{}", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "DB_UNAVAILABLE")
    add_service("after")
    outages_find()
    (tried,) = Outage.objects.get().explained
    assert tried["actor"] == ""
    assert tried["action"].endswith(route)
    assert "INC-7" not in tried["action"]


def test_a_process_that_ended_in_an_outage_is_found_too(
    journaled: Path, committed_cast: Cast, late: Callable[[float], None]
) -> None:
    add_service("before")
    late(90)
    with pytest.raises(AuditUnavailable):
        add_service("meanwhile")
    late(0)
    journal.close()
    assert (outages_find(), outages_find()) == (1, 0)
    assert Outage.objects.get().refused == 1


def test_a_denial_on_record_meanwhile_does_not_end_it(
    journaled: Path, committed_cast: Cast, late: Callable[[float], None]
) -> None:
    late(90)
    for _ in range(2):
        with pytest.raises(AuditUnavailable):
            add_service("meanwhile")
        with pytest.raises(GovernanceDenied):
            add_service("denied", committed_cast.principal("auditor"))
    assert outages_find() == 0
    late(0)
    add_service("after")
    assert outages_find() == 1
    assert Outage.objects.get().refused == 2


def test_both_away_at_once_are_told_apart(
    journaled: Path,
    committed_cast: Cast,
    late: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_service("before")
    late(90)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "free", lambda _where: 0.01)
        with pytest.raises(AuditUnavailable):
            add_service("meanwhile")
    late(0)
    add_service("after")
    assert outages_find() == 2
    found = {outage.source: outage for outage in Outage.objects.all()}
    assert (found["ledger"].refused, found["journal"].refused) == (1, 0)


def client_of(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return client


def test_it_is_shown_until_a_person_has_reviewed_it(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = client_of(committed_cast, "administrator")
    assert "No outage is on record" in administrator.get(PAGE).content.decode()
    break_journal(monkeypatch)
    outages_find()
    outage = Outage.objects.get()
    shown = administrator.get(PAGE)
    assert "1 outage of the record waits for review" in " ".join(shown.content.decode().split())
    empty = administrator.post(PAGE, {"outage": str(outage.pk), "review": " "})
    assert empty.status_code == 400
    administrator.post(PAGE, {"outage": str(outage.pk), "review": "The disk was full."})
    outage.refresh_from_db()
    assert (outage.review, outage.reviewed_by) == (
        "The disk was full.",
        committed_cast.administrator,
    )
    page = administrator.get(PAGE).content.decode()
    assert "The disk was full." in page
    assert "for review" not in page
    again = administrator.post(PAGE, {"outage": str(outage.pk), "review": "Again"})
    assert again.status_code == 409
    assert Event.objects.filter(event="outage_reviewed").count() == 1


def test_whose_change_was_refused_is_shown_by_name(journaled: Path, committed_cast: Cast) -> None:
    by = committed_cast.principal("administrator")
    break_ledger(by)
    outages_find()
    assert {meant["actor"] for meant in Outage.objects.get().explained} == {by.recorded}
    page = client_of(committed_cast, "administrator").get(PAGE).content.decode()
    assert "by user:administrator on" in page
    assert by.recorded not in page


@pytest.mark.parametrize("name", ["outsider", "responder", "commander"])
def test_others_neither_see_nor_review_it(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    break_journal(monkeypatch)
    outages_find()
    assert client_of(committed_cast, name).get(PAGE).status_code == 403
    with pytest.raises(GovernanceDenied):
        outage_review(outage=Outage.objects.get(), by=committed_cast.principal(name), review="Fine")
    with pytest.raises(GovernanceDenied):
        outage_review(
            outage=Outage.objects.get(), by=committed_cast.principal("auditor"), review="Fine"
        )


def test_neither_a_broken_gate_nor_a_broken_ledger_reviews_it(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch)
    outages_find()
    outage, by = Outage.objects.get(), committed_cast.principal("administrator")
    with as_superuser() as opened:
        opened.execute("ALTER TABLE audit_event RENAME TO broken")
        with pytest.raises((AuditUnavailable, DatabaseError)):
            outage_review(outage=outage, by=by, review="Fine")
        opened.execute("ALTER TABLE broken RENAME TO audit_event")
    latch.close("a test", {})
    with pytest.raises(GovernanceFailure):
        outage_review(outage=outage, by=by, review="Fine")
    outage.refresh_from_db()
    assert outage.reviewed_at is None


def test_a_review_says_something_and_is_made_once(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch)
    outages_find()
    outage, by = Outage.objects.get(), committed_cast.principal("administrator")
    with pytest.raises(ValidationFailed):
        outage_review(outage=outage, by=by, review=" ")
    outage_review(outage=outage, by=by, review="Fine")
    with pytest.raises(Conflict):
        outage_review(outage=outage, by=by, review="Fine")


def test_a_place_that_is_none_is_not_found(cast: Cast) -> None:
    client = client_of(cast, "administrator")
    assert client.get(PAGE, {"before": "x"}).status_code == 404
    assert client.post(PAGE, {"outage": "x", "review": "y"}).status_code == 404
