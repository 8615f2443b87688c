"""Old journal files go by the record's leave, and the verification understands that."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import DatabaseError
from django.utils import timezone

from audit import journal
from audit.journal import names
from audit.journal.ship.destination import Destination
from audit.journal.ship.positions import Position, Positions
from audit.journal_retention import journal_remove_old
from audit.ledger.signer import LedgerSigner
from audit.ledger.verify import Report
from audit.ledger.verify_journal import verify_journal
from audit.models import Event
from audit.rows import row_save
from audit.sealing import journal_seal_all
from incidents.models import Service
from portal.lib.errors import AuditUnavailable
from tests.audit.test_ledger import publish, signer
from tests.database import as_superuser
from tests.people import TESTS, Cast

__all__ = ["signer"]
LATER = timedelta(days=91)


@pytest.fixture
def journaled(tmp_path: Path, settings: object, committed_cast: Cast) -> Iterator[Path]:
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.JOURNAL_SHIP = ""
    yield tmp_path / "journal"
    journal.close()


@pytest.fixture
def key(signer: LedgerSigner) -> LedgerSigner:
    return signer


def sealed() -> Path:
    """A finished file whose seal is in the ledger, and its name."""
    row_save(instance=Service(slug="api", name="API"), by=TESTS)
    journal.close()
    [name] = names.files(journal.directory())
    assert journal_seal_all() == 1
    return name.path


def later() -> time_machine.travel:
    return time_machine.travel(timezone.now() + LATER)


def test_it_stays_before_its_time_and_without_a_signed_checkpoint(
    journaled: Path, key: LedgerSigner
) -> None:
    path = sealed()
    with later():
        assert journal_remove_old() == 0
    publish(key)
    assert journal_remove_old() == 0
    assert path.exists()


def test_it_goes_with_an_event_that_names_it_and_is_not_missed(
    journaled: Path, key: LedgerSigner
) -> None:
    path = sealed()
    publish(key)
    with later():
        assert journal_remove_old() == 1
    assert not path.exists()
    event = Event.objects.get(event="journal_removed")
    assert event.target == f"audit.journal:{path.name}"
    assert b'"sha256"' in bytes(event.entry)
    missed = Report()
    verify_journal(missed)
    gone = [problem for problem in missed.problems if path.name in problem.detail]
    assert gone == []


def test_one_that_is_gone_without_leave_is_missed(journaled: Path) -> None:
    path = sealed()
    path.unlink()
    report = Report()
    verify_journal(report)
    assert any(path.name in problem.detail for problem in report.problems)


def test_what_the_receiver_has_not_taken_stays(
    journaled: Path, settings: object, key: LedgerSigner
) -> None:
    path = sealed()
    publish(key)
    settings.JOURNAL_SHIP = "syslog+tcp://logs:6514"
    with later():
        assert journal_remove_old() == 0
        where = Positions.of(journaled, Destination.parse(settings.JOURNAL_SHIP).name)
        where.store({path.name: Position(path.stat().st_size)})
        assert journal_remove_old() == 1


def test_what_is_not_what_was_sealed_stays(journaled: Path, key: LedgerSigner) -> None:
    path = sealed()
    publish(key)
    with path.open("ab") as file:
        file.write(b"more\n")
    with later():
        assert journal_remove_old() == 0
    assert path.exists()


def test_without_a_record_nothing_is_removed(journaled: Path, key: LedgerSigner) -> None:
    path = sealed()
    publish(key)
    with later(), as_superuser() as opened:
        opened.execute("ALTER TABLE audit_pending RENAME TO broken")
        with pytest.raises((AuditUnavailable, DatabaseError)):
            journal_remove_old()
        opened.execute("ALTER TABLE broken RENAME TO audit_pending")
    assert path.exists()
