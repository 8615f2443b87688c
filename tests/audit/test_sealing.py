"""The journal on record: finished files are sealed in the ledger, and either is held against the other."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from audit import journal
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.management.commands import seal_journal
from audit.models import Event
from audit.sealing import journal_seal_all, recorded_seals
from portal.lib.errors import AuditUnavailable
from tests.audit.test_ledger import add_services, publish
from tests.database import as_superuser


@pytest.fixture
def own_journal(tmp_path: Path, settings: Any) -> Iterator[Path]:
    journal.close()
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.SIGNER_KEY = tmp_path / "signer"
    keys.ensure_signer_key(settings.SIGNER_KEY)
    yield settings.JOURNAL_DIR
    journal.close()


def verified(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    with contextlib.suppress(SystemExit):
        call_command("verify_ledger", "--journal", "--json")
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_a_finished_file_is_sealed_once(own_journal: Path, committed_db: None) -> None:
    add_services(3)
    assert journal_seal_all() == 0  # still being written
    journal.close()
    assert journal_seal_all() == 1
    assert journal_seal_all() == 0
    (seal,) = recorded_seals()
    assert (own_journal / seal.file).exists()
    assert Event.objects.filter(event="journal_sealed").count() == 1


def test_ledger_and_journal_agree(
    own_journal: Path, committed_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    add_services(3)
    report = verified(capsys)
    assert (report["journaled"], report["problems"]) == (Event.objects.count(), [])


def test_a_sealed_file_that_was_edited_is_named(
    own_journal: Path, committed_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    add_services(3)
    journal.close()
    journal_seal_all()
    (seal,) = recorded_seals()
    path = own_journal / seal.file
    path.write_bytes(path.read_bytes().replace(b"service:add", b"service:odd"))
    problems = verified(capsys)["problems"]
    assert any(seal.file in problem["detail"] for problem in problems)


def test_a_sealed_file_that_is_gone_is_named(
    own_journal: Path, committed_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    add_services(3)
    journal.close()
    journal_seal_all()
    (seal,) = recorded_seals()
    (own_journal / seal.file).unlink()
    assert any(seal.file in problem["detail"] for problem in verified(capsys)["problems"])


def test_an_event_that_the_database_lost_is_named(
    own_journal: Path, committed_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    add_services(3)
    gone = Event.objects.latest("id").pk
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute(f"DELETE FROM audit_event WHERE id = {gone}")
        superuser.execute(f"DELETE FROM audit_pending WHERE event_id = {gone}")
    assert "event lost" in {problem["kind"] for problem in verified(capsys)["problems"]}


def test_the_whole_of_it_verifies(
    own_journal: Path,
    committed_db: None,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_services(3)
    key = settings.SIGNER_KEY
    publish(LedgerSigner(keys.load_signer(key), key.with_suffix(".state")))
    assert verified(capsys)["status"] == "verified"


def test_where_no_worker_shares_the_disk_a_command_seals(
    own_journal: Path, committed_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    add_services(1)
    journal.close()
    call_command("seal_journal")
    assert "1 files sealed" in capsys.readouterr().out
    assert len(recorded_seals()) == 1


def test_the_command_that_stays_goes_on_when_it_cannot_seal(
    own_journal: Path, committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = iter([AuditUnavailable(), OperationalError("away"), None, KeyboardInterrupt()])
    sealed: list[int] = []

    def seal() -> int:
        if (said := next(rounds)) is not None:
            raise said
        sealed.append(1)
        return 1

    monkeypatch.setattr(seal_journal, "journal_seal_all", seal)
    with pytest.raises(KeyboardInterrupt):
        call_command("seal_journal", "--every", "0")
    assert sealed == [1]
