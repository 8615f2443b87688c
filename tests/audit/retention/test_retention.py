"""What has had its time leaves the database for sealed archives, and stays provable."""

import hashlib
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.history import EventLink
from audit.ledger import keys
from audit.ledger.report import Report
from audit.ledger.signer import LedgerSigner
from audit.ledger.tree import prove
from audit.ledger.verify import verify
from audit.models import Archive, Event, Sealed, SearchEntry, User
from audit.proofs.errors import ProofError
from audit.retention.archive import ArchiveFile
from audit.retention.dropped import dropped
from audit.retention.verify import read_archives
from audit.search.fill import fill
from incidents.models import Service
from tests.audit.retention.small import SPAN, add_services, archive, drop, publish, report
from tests.database import as_role, as_superuser
from tests.people import Cast


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.zip"))


def test_full_partitions_are_sealed_and_stay_until_dropped(aged: Cast, directory: Path) -> None:
    before = Event.objects.count()
    archive(directory)
    sealed = list(Archive.objects.all())
    assert [each.partition for each in sealed] == ["audit_event_p0", "audit_event_p1"]
    assert [each.sha256 for each in sealed] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files(directory)
    ]
    said = json.loads(bytes(Event.objects.filter(event="ledger_archived")[0].entry))["data"]
    assert said["sha256"] in {each.sha256 for each in sealed}
    assert said["reason"] == "A test cannot wait"
    assert Event.objects.count() == before + 2
    archive(directory)
    assert Archive.objects.count() == 2


def test_a_dry_run_changes_nothing(
    aged: Cast, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Event.objects.count()
    archive(directory, "--dry-run")
    assert "audit_event_p0 is due" in capsys.readouterr().out
    assert (Event.objects.count(), directory.exists()) == (before, False)


def test_nothing_younger_than_the_retention_period_goes_without_a_reason(aged: Cast) -> None:
    with pytest.raises(CommandError, match="kept for 7 years"):
        call_command("archive_ledger", "--older-than", "2y")
    with pytest.raises(CommandError, match="neither like 7y"):
        call_command("archive_ledger", "--older-than", "soon")
    call_command("archive_ledger")
    assert not Archive.objects.exists()


def test_events_that_no_checkpoint_covers_stay(
    aged: Cast, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_services(SPAN, start=100)
    archive(directory, "--dry-run")
    assert "audit_event_p2 stays: it holds events that have no place" in capsys.readouterr().out


def test_what_is_dropped_leaves_a_record_that_verifies(
    aged: Cast, directory: Path, signer: LedgerSigner
) -> None:
    drop(directory)
    publish(signer)
    assert not Event.objects.filter(pk__lt=2 * SPAN).exists()
    found = report()
    assert (found.status, found.problems) == ("verified", [])
    assert found.archived == 2 * SPAN - 1
    assert dropped().end == 2 * SPAN
    assert found.rows == report().rows
    with connection.cursor() as cursor:
        with as_role("vigil_ledger"):
            cursor.execute("SELECT audit_ensure_partitions()")
        cursor.execute("SELECT to_regclass('audit_event_p0')")
        assert cursor.fetchone() == (None,)


def test_rows_whose_last_change_was_dropped_are_still_held_against_the_record(
    aged: Cast, directory: Path, signer: LedgerSigner
) -> None:
    drop(directory)
    publish(signer)
    row = Service.objects.order_by("pk")[0]
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE incidents_service DISABLE TRIGGER ALL")
        superuser.execute("UPDATE incidents_service SET name = 'x' WHERE id = %s", [row.pk])
    assert [p.kind for p in report().problems] == ["row changed"]


def test_an_archived_entry_is_proven_against_a_later_checkpoint(
    aged: Cast, directory: Path, signer: LedgerSigner
) -> None:
    drop(directory)
    add_services(40, start=200)
    publish(signer)
    verifiers = keys.verifiers()
    for path in files(directory):
        with ArchiveFile(path) as sealed:
            early = sealed.check(verifiers)
            for found in list(sealed.entries()):
                later = prove(found.number)
                assert later is not None
                checkpoint = later.verify(found.entry, verifiers, origin=verifiers[0].name)
                assert checkpoint.size > early.size


def test_every_entry_is_proven_from_its_archive_alone(aged: Cast, directory: Path) -> None:
    archive(directory)
    verifiers = keys.verifiers()
    for path in files(directory):
        with ArchiveFile(path) as sealed:
            for found in list(sealed.entries()):
                entry, proof = sealed.prove(found.number)
                assert entry == found.entry
                proof.verify(entry, verifiers, origin=verifiers[0].name)


def test_what_is_sealed_of_people_goes_with_the_partition(
    aged: Cast, directory: Path, signer: LedgerSigner
) -> None:
    with as_superuser() as superuser:
        superuser.execute("INSERT INTO audit_sealed VALUES (5, 'data.address', '~0', 'x')")
    drop(directory)
    assert not Sealed.objects.exists()


def test_verify_reads_the_archives_and_says_what_it_did_not_read(
    aged: Cast, directory: Path, signer: LedgerSigner, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(directory)
    publish(signer)
    capsys.readouterr()
    call_command("verify_ledger", "--rows", "--journal")
    assert "59 of the entries are in archives, and were not read" in capsys.readouterr().out
    call_command("verify_ledger", "--archive", str(directory))
    assert "59 were read there" in capsys.readouterr().out


def test_history_rows_of_archived_events_are_held_against_the_archives(
    aged: Cast, directory: Path, signer: LedgerSigner
) -> None:
    drop(directory)
    publish(signer)
    unread = report()
    kept = [model for model in apps.get_models() if issubclass(model, EventLink)]
    told = [model.objects.filter(event_id__lt=2 * SPAN).count() for model in kept]
    assert unread.histories_archived == sum(told) > 0
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE incidents_historicalservice DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE incidents_historicalservice SET history_date = now() WHERE slug = 's-0'"
        )
    assert report().problems == []
    read = read_report(directory)
    assert read.histories_archived == 0
    assert [each.kind for each in read.problems] == ["history row changed"]
    files(directory)[0].unlink()
    files(directory)[0].unlink()
    assert read_report(directory).histories_archived == unread.histories_archived


def test_an_archive_of_an_earlier_origin_holds_where_its_key_is_trusted(
    aged: Cast, directory: Path, tmp_path: Path, settings: Any
) -> None:
    archive(directory)
    earlier = keys.verifier_key()
    settings.LEDGER_ORIGIN, settings.SIGNER_KEY = "new.example/ledger", tmp_path / "new"
    keys.ensure_signer_key(settings.SIGNER_KEY)
    with pytest.raises(CommandError, match="does not hold"):
        call_command("archive_ledger", "--check", str(files(directory)[0]))
    settings.LEDGER_EARLIER_KEYS = [earlier]
    call_command("archive_ledger", "--check", str(files(directory)[0]))
    drop(directory)
    assert not Event.objects.filter(pk__lt=SPAN).exists()


def test_the_viewer_says_in_which_archive_an_event_is(
    aged: Cast, directory: Path, client: Client
) -> None:
    drop(directory)
    client.force_login(aged.auditor)
    response = client.get("/api/v1/audit/events/7/")
    assert response.status_code == 404
    assert files(directory)[0].name in response.json()["message"]


def test_an_archive_that_was_tampered_with_is_named(
    aged: Cast, directory: Path, signer: LedgerSigner, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(directory)
    publish(signer)
    capsys.readouterr()
    bad, good = files(directory)
    rewritten(bad, "entries.ndjson", b'"verdict":"allow"', b'"verdict":"deny" ')
    with pytest.raises(SystemExit):
        call_command("verify_ledger", "--archive", str(directory))
    said = capsys.readouterr().out
    assert f"index 0: {bad.name}: event 1 is not what is in the log" in said
    assert good.name not in said
    with pytest.raises(CommandError, match=r"entries.ndjson is not what was sealed"):
        call_command("archive_ledger", "--check", str(bad))
    call_command("archive_ledger", "--check", str(good))
    assert "holds: 30 entries" in capsys.readouterr().out
    bad.unlink()
    with pytest.raises(SystemExit):
        call_command("verify_ledger", "--archive", str(directory))
    assert "cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["entries.ndjson", "nodes.json", "places.ndjson", "checkpoint"])
def test_a_forged_archive_does_not_lead_to_the_checkpoint(
    aged: Cast, directory: Path, name: str
) -> None:
    archive(directory)
    path = files(directory)[1]
    before, after = {
        "entries.ndjson": (b'"allow"', b'"deny!"'),
        "nodes.json": (b'":"', b'":"00'),
        "places.ndjson": (b"[29, 30]", b"[29, 31]"),
        "checkpoint": (b"/ledger\n", b"/ledgex\n"),
    }[name]
    rewritten(path, name, before, after, is_consistent=True)
    verifiers = keys.verifiers()
    with pytest.raises(ProofError), ArchiveFile(path) as sealed:
        sealed.check(verifiers)


def test_only_the_owner_of_the_tables_drops(aged: Cast, directory: Path) -> None:
    before = Event.objects.filter(pk__lt=SPAN).count()
    with pytest.raises(CommandError, match="vigil_owner"):
        archive(directory, "--drop")
    assert Event.objects.filter(pk__lt=SPAN).count() == before
    assert not Archive.objects.exclude(dropped_at=None).exists()


def test_nothing_is_dropped_without_its_archive(aged: Cast, directory: Path) -> None:
    archive(directory)
    files(directory)[0].unlink()
    with pytest.raises(CommandError, match="does not hold"):
        drop(directory)
    assert Event.objects.filter(pk__lt=SPAN).exists()


def test_nothing_is_dropped_from_a_record_that_is_broken(aged: Cast, directory: Path) -> None:
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_user DISABLE TRIGGER ALL")
        superuser.execute("UPDATE audit_user SET first_name = 'x'")
    with pytest.raises(CommandError, match="broken"):
        drop(directory)
    assert User.objects.filter(first_name="x").exists()
    assert Event.objects.filter(pk__lt=SPAN).exists()


def test_a_broken_ledger_archives_and_drops_nothing(aged: Cast, directory: Path) -> None:
    archive(directory)
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app, vigil_owner")
    with pytest.raises(CommandError):
        drop(directory)
    assert Event.objects.filter(pk__lt=SPAN).exists()


def test_lists_of_changes_go_with_their_partition_and_never_before(
    aged: Cast, directory: Path
) -> None:
    with (
        as_role("vigil_owner"),
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM audit_event_changes")
    drop(directory)
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM audit_event_changes")
        left = {number for (number,) in cursor.fetchall()}
    # What the first partition said of its rows is said again, in a long list as well.
    assert left
    assert min(left) >= 2 * SPAN


def test_what_was_dropped_cannot_be_searched_either(aged: Cast, directory: Path) -> None:
    with as_role("vigil_ledger"):
        fill()
    assert SearchEntry.objects.filter(pk__lt=2 * SPAN).count() == 2 * SPAN - 1
    drop(directory)
    assert not SearchEntry.objects.filter(pk__lt=2 * SPAN).exists()
    assert SearchEntry.objects.exists()


def read_report(directory: Path) -> Report:
    """With the archives read too."""
    found = Report()
    archived = dropped()
    reading = partial(read_archives, archived, directory)
    verify(found, rows=True, archived=archived.spans, archives=reading, workers=1)
    return found


def rewritten(
    path: Path, name: str, before: bytes, after: bytes, *, is_consistent: bool = False
) -> None:
    """The file with one of its members changed, and with a manifest that fits where `is_consistent`."""
    with zipfile.ZipFile(path) as whole:
        members = {each: whole.read(each) for each in whole.namelist()}
    assert before in members[name]
    members[name] = members[name].replace(before, after, 1)
    if is_consistent:
        manifest = json.loads(members["manifest.json"])
        manifest["files"][name] = hashlib.sha256(members[name]).hexdigest()
        members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as whole:
        for each, content in members.items():
            whole.writestr(each, content)
