"""Times in which nothing could be recorded: found after they end, checked, and reviewed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from audit import journal
from audit.gate import latch
from audit.journal import disk
from audit.models import Event, Outage
from audit.outages import outage_review, outages_find
from audit.principal import Principal
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from tests.database import as_superuser
from tests.people import TESTS, Cast

PAGE = reverse("audit:outages")


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


def client_of(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return client


def test_it_is_shown_until_a_person_has_reviewed_it(
    journaled: Path, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = client_of(committed_cast, "administrator")
    assert "no time on record" in administrator.get(PAGE).content.decode()
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
