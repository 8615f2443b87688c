"""The rehearsal: what was backed up comes back, verifies, and cannot be exchanged on the way."""

import json
import os
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit import record
from audit.gate import engine
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.models import Event
from portal.backup import manifest, tools
from portal.backup.make import backup_make
from portal.backup.manifest import BadBackup
from portal.backup.restore import check
from portal.lib.errors import AuditUnavailable, GovernanceDenied, GovernanceFailure
from portal.stack.roles import prepare_database
from tests.audit.test_ledger import add_services, publish
from tests.database import conninfo, drop, url_of
from tests.entries import noted
from tests.people import TESTS, Cast


@pytest.fixture
def signer(committed_cast: Cast, tmp_path: Path, settings: Any) -> LedgerSigner:
    settings.SIGNER_KEY = tmp_path / "signer"
    settings.JOURNAL_DIR = tmp_path / "journal"
    signer = LedgerSigner(keys.ensure_signer_key(settings.SIGNER_KEY), tmp_path / "signer.state")
    add_services(5)
    publish(signer)
    return signer


@pytest.fixture
def backup(signer: LedgerSigner, tmp_path: Path) -> Path:
    call_command("backup", "--to", str(tmp_path / "backup"), stdout=StringIO())
    return tmp_path / "backup"


@pytest.fixture
def new_database(committed_db: None) -> Iterator[str]:
    name = f"vigil_restored_{os.urandom(4).hex()}"
    prepare_database(conninfo("postgres"), name)
    yield name
    drop(name)


def restored(source: Path, name: str, *options: str) -> str:
    said = StringIO()
    arguments = ["--from", str(source), "--database", url_of(name), *options]
    call_command("restore", *arguments, stdout=said)
    return said.getvalue()


def tables(name: str) -> int:
    with psycopg.connect(conninfo(name)) as opened:
        found = opened.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_a_backup_comes_back_whole_and_verifies(
    signer: LedgerSigner, new_database: str, tmp_path: Path
) -> None:
    said = StringIO()
    call_command("backup", "--to", str(tmp_path / "backup"), stdout=said)
    digest = said.getvalue().split("SHA-256 ")[1].split()[0]
    events = Event.objects.filter(event="backup_begun").latest("pk").pk
    add_services(3, start=5)  # gone with the machine
    told = restored(tmp_path / "backup", new_database, "--sha256", digest)
    assert told.startswith(("verified", "pending"))
    assert "governed rows held against the ledger" in told
    assert "VIGIL_LEDGER_ORIGIN" in told
    with psycopg.connect(conninfo(new_database)) as opened:
        assert opened.execute("SELECT count(*) FROM incidents_service").fetchone() == (5,)
        assert opened.execute("SELECT max(id) FROM audit_event").fetchone() == (events,)
        owners = opened.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        assert owners == [("vigil_owner",)]


def test_what_was_restored_still_refuses_a_change_without_its_event(
    backup: Path, new_database: str
) -> None:
    restored(backup, new_database)
    with psycopg.connect(conninfo(new_database)) as opened:
        opened.execute("SET ROLE vigil_app")
        opened.execute("UPDATE incidents_service SET name = 'behind the gate'")
        with pytest.raises(psycopg.errors.IntegrityError, match="unaudited change"):
            opened.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            opened.execute("SET ROLE vigil_app; DELETE FROM audit_event")


def test_it_is_on_record_before_it_is_read_and_with_its_digest_after(backup: Path) -> None:
    begun, made = Event.objects.filter(target="audit.backup:backup").order_by("pk")
    assert (begun.event, made.event) == ("backup_begun", "backup_made")
    assert made.actor.startswith("system:backup/")
    said = noted(json.loads(bytes(made.entry)))
    assert said["sha256"] == manifest.sha256(backup / "manifest.json")
    assert backup.stat().st_mode & 0o777 == 0o700


def test_neither_the_key_nor_the_memory_of_the_signer_goes_in(
    backup: Path, signer: LedgerSigner
) -> None:
    names = {path.name for path in backup.rglob("*") if path.is_file()}
    assert {"database.dump", "checkpoint", "signer.pub", "manifest.json"} < names
    assert not any(name.endswith(".state") for name in names)
    assert all(
        signer.signer.skey.encode() not in path.read_bytes()
        for path in backup.rglob("*")
        if path.is_file()
    )


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def stray(path: Path) -> None:
    path.with_name("stray").write_text("")


@pytest.mark.parametrize("harm", [grow, Path.unlink, stray])
@pytest.mark.parametrize("name", ["database.dump", "checkpoint", "signer.pub"])
def test_a_backup_that_was_touched_is_refused(
    backup: Path, new_database: str, name: str, harm: Callable[[Path], None]
) -> None:
    harm(backup / name)
    with pytest.raises(CommandError, match="is refused"):
        restored(backup, new_database)
    assert tables(new_database) == 0


def test_a_backup_put_in_the_place_of_another_is_refused(backup: Path, new_database: str) -> None:
    with pytest.raises(CommandError, match="not the one with that digest"):
        restored(backup, new_database, "--sha256", "0" * 64)


def test_a_checkpoint_that_the_key_did_not_sign_is_refused(backup: Path) -> None:
    forged = (backup / "checkpoint").read_text().replace("\n", "\n1", 1)
    (backup / "checkpoint").write_text(forged)
    was = manifest.Manifest(**json.loads((backup / "manifest.json").read_text()))
    was.files["checkpoint"] = manifest.sha256(backup / "checkpoint")
    manifest.write(backup, was)
    with pytest.raises(BadBackup, match="not signed"):
        check(backup)


def test_a_database_that_holds_anything_is_left_alone(backup: Path) -> None:
    name = connection.settings_dict["NAME"]
    with pytest.raises(CommandError, match="not empty"):
        restored(backup, name)
    assert Event.objects.filter(event="backup_made").exists()


def test_it_overwrites_nothing(backup: Path) -> None:
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", "--to", str(backup))


def test_before_anything_is_signed_there_is_no_backup(
    committed_cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("backup", "--to", str(tmp_path / "backup"))
    assert (ended.value.code, list(tmp_path.glob("*backup*"))) == (1, [])
    assert "No checkpoint" in capsys.readouterr().err


class Broken:
    name, digest = "axioms", ""

    def vote(self, _request: object, _asked: object) -> object:
        raise RuntimeError


def test_with_a_broken_gate_or_ledger_nothing_is_read(
    signer: LedgerSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "run", lambda *_args, **_options: pytest.fail("was read"))

    def no_entry(*_args: object) -> bytes:
        raise AuditUnavailable

    with monkeypatch.context() as patch, pytest.raises(GovernanceFailure):
        patch.setattr(engine, "_VOTERS", (Broken(),))
        backup_make(to=tmp_path / "backup", by=TESTS)
    with monkeypatch.context() as patch, pytest.raises(AuditUnavailable):
        patch.setattr(record, "append", no_entry)
        backup_make(to=tmp_path / "backup", by=TESTS)
    assert list(tmp_path.glob("*backup*")) == []


def test_a_person_does_not_make_one_through_the_gate(
    signer: LedgerSigner, committed_cast: Cast, tmp_path: Path
) -> None:
    with pytest.raises(GovernanceDenied):
        backup_make(to=tmp_path / "backup", by=committed_cast.principal("administrator"))


def test_a_dump_that_fails_leaves_nothing_behind(
    signer: LedgerSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "find", lambda *_args, **_options: Path("/bin/false"))
    with pytest.raises(CommandError, match="No backup was made"):
        call_command("backup", "--to", str(tmp_path / "backup"))
    assert list(tmp_path.glob("*backup*")) == []
    assert not Event.objects.filter(event="backup_made").exists()


def test_tools_that_are_too_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(tools.ToolFailed, match="pg_dump 99 or newer is needed"):
        tools.find("pg_dump", server=99)
