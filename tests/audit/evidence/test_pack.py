"""What is in a pack: exactly what was asked for, and what proves it."""

import hashlib
import json
import threading
import time
import zipfile
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import rfc8785
from django.db import connection

from audit.event_filters import EventFilter
from audit.evidence import contents, export
from audit.evidence.actions import EXPORT
from audit.evidence.contents import rules
from audit.evidence.selection import Selection
from audit.gate import engine
from audit.gate.types import Request, Resource
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.models import Event
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.tlog_proof import TlogProof
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    ValidationFailed,
)
from tests.audit.evidence.conftest import Verify
from tests.audit.evidence.exporting import SERVICES, last_events, pack, saved
from tests.audit.test_ledger import add_services, publish
from tests.database import as_superuser
from tests.people import TESTS, Cast


def test_a_pack_checks_out_offline(ledger: Cast, verify: Verify, tmp_path: Path) -> None:
    exported = pack(ledger.principal("auditor"))
    code, said = verify(saved(exported, tmp_path), "--vkey", keys.verifier_key())
    assert code == 0
    assert "5 entries are in the log" in said
    assert f"SHA-256 {exported.sha256}" in said
    assert "5 of them were decided by the rules in policy/." in said


def test_it_holds_exactly_what_was_selected(ledger: Cast, tmp_path: Path) -> None:
    with zipfile.ZipFile(saved(pack(ledger.principal("auditor")), tmp_path)) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        events = Event.objects.filter(event="service_added").order_by("pk")
        for event in events:
            entry = archive.read(f"entries/{event.pk:012}.json")
            assert entry == bytes(event.entry)
            proof = TlogProof.parse(archive.read(f"proofs/{event.pk:012}.tlog-proof"))
            proof.verify(entry, keys.verifiers(), origin=keys.verifiers()[0].name)
            assert proof.checkpoint.encode() == archive.read("checkpoint")
        assert sum(name.startswith("entries/") for name in names) == len(events)


def test_the_manifest_says_who_what_when_and_why(ledger: Cast, tmp_path: Path) -> None:
    exported = pack(ledger.principal("auditor"))
    with zipfile.ZipFile(saved(exported, tmp_path)) as archive:
        raw = archive.read("manifest.json")
        manifest = json.loads(raw)
        assert rfc8785.dumps(manifest) == raw
        for name, digest in manifest["files"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        assert set(manifest["files"]) == set(archive.namelist()) - {"manifest.json"}
    request = Event.objects.get(pk=exported.number)
    assert manifest["by"] == "user:auditor"
    assert manifest["reason"] == "yearly audit"
    assert manifest["selection"] == {"event": "service_added"}
    assert manifest["made_at"] == json.loads(bytes(request.entry))["timestamp"]
    assert manifest["counts"] == {"events": 5, "proven": 5, "pending": 0}
    assert manifest["number"] == exported.number


def test_the_verifier_in_it_is_the_one_that_is_tested(ledger: Cast, tmp_path: Path) -> None:
    with zipfile.ZipFile(saved(pack(ledger.principal("auditor")), tmp_path)) as archive:
        assert archive.read("verify.py") == contents.VERIFIER.read_bytes()
        assert keys.verifiers()[0].name in archive.read("README.txt").decode()
        assert "$" not in archive.read("README.txt").decode()


def test_one_state_of_things_gives_one_sequence_of_bytes(
    ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pack(ledger.principal("auditor"))
    with first.file:
        request = Event.objects.get(pk=first.number)
    same = contents.About(
        first.number,
        json.loads(bytes(request.entry))["timestamp"],
        "user:auditor",
        "yearly audit",
        SERVICES,
    )
    monkeypatch.setattr(export, "_request", lambda *_args: same)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    second = pack(ledger.principal("auditor"))
    with second.file:
        assert second.sha256 == first.sha256


def test_what_is_too_new_for_a_checkpoint_is_named(
    ledger: Cast, verify: Verify, tmp_path: Path
) -> None:
    add_services(2, start=5)
    new = sorted(Event.objects.values_list("pk", flat=True))[-2:]
    exported = pack(ledger.principal("auditor"))
    assert exported.pending == tuple(new)
    assert last_events(1)[0]["data"]["pending"] == 2
    path = saved(exported, tmp_path)
    with zipfile.ZipFile(path) as archive:
        events = json.loads(archive.read("manifest.json"))["events"]
        assert [e["id"] for e in events if e["index"] is None] == new
        assert archive.read(f"entries/{new[0]:012}.json")
    code, said = verify(path)
    assert (code, f"2 entries came after the checkpoint: {new[0]}, {new[1]}" in said) == (0, True)


def test_it_waits_for_the_checkpoint(
    committed_ledger: Cast, signer: LedgerSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_services(1, start=3)
    naps = []

    def sleep(_seconds: float) -> None:
        naps.append(1)
        publish(signer)

    # Not the module that every thread sleeps by.
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
    monkeypatch.setattr("audit.evidence.coverage.time", clock)
    exported = pack(committed_ledger.principal("auditor"), patience=5)
    with exported.file:
        assert (exported.pending, len(naps)) == ((), 1)


def test_before_the_first_checkpoint_there_is_nothing_to_prove_by(
    cast: Cast, signer: LedgerSigner
) -> None:
    with pytest.raises(Conflict, match="No checkpoint"):
        pack(cast.principal("auditor"), Selection())
    assert last_events(1)[0]["event"] == "evidence_export_failed"


def test_it_proves_that_the_log_continues_what_was_kept(
    cast: Cast, signer: LedgerSigner, verify: Verify, tmp_path: Path
) -> None:
    """All that somebody needs in order to catch a rewritten log is an old checkpoint: 200 bytes."""
    kept = publish(signer)
    assert kept is not None
    (tmp_path / "kept").write_text(kept.note)
    add_services(5)
    publish(signer)
    selection = Selection(EventFilter(event="service_added"), known_sizes=(kept.size,))
    path = saved(pack(cast.principal("auditor"), selection), tmp_path)
    code, said = verify(path, "--checkpoint", str(tmp_path / "kept"))
    assert (code, f"continues your checkpoint of {kept.size} entries" in said) == (0, True)
    forged = Checkpoint(signer.signer.name, kept.size, bytes(32)).sign([signer.signer])
    (tmp_path / "kept").write_text(forged)
    code, said = verify(path, "--checkpoint", str(tmp_path / "kept"))
    assert (code, "rewritten" in said) == (1, True)


def test_there_is_no_proof_from_a_size_that_the_log_does_not_have(ledger: Cast) -> None:
    beyond = Selection(EventFilter(event="service_added"), known_sizes=(10**6,))
    with pytest.raises(ValidationFailed, match="known_sizes"):
        pack(ledger.principal("auditor"), beyond)


def test_an_entry_that_was_tampered_with_is_never_called_evidence(committed_ledger: Cast) -> None:
    number = Event.objects.filter(event="service_added").first().pk
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
            " 'system:tests', 'user:nobody'), 'UTF8') WHERE id = %s",
            [number],
        )
        superuser.execute("ALTER TABLE audit_event_p0 ENABLE TRIGGER ALL")
    with pytest.raises(AuditUnavailable, match=f"Event {number} is not what the signed log has"):
        pack(committed_ledger.principal("auditor"))
    assert last_events(1)[0]["event"] == "evidence_export_failed"


def test_a_checkpoint_by_another_key_proves_nothing(
    ledger: Cast, settings: Any, tmp_path: Path
) -> None:
    settings.SIGNER_KEY = tmp_path / "other"
    keys.ensure_signer_key(settings.SIGNER_KEY)
    with pytest.raises(AuditUnavailable, match="not signed by the log's key"):
        pack(ledger.principal("auditor"))


def test_an_export_has_a_limit_in_bytes(ledger: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_BYTES", 1000)
    with pytest.raises(ValidationFailed, match="narrow it"):
        pack(ledger.principal("auditor"))


def test_the_rules_that_are_enclosed_are_those_of_the_gate(cast: Cast) -> None:
    decision = engine.decide(Request(TESTS, EXPORT, Resource("audit.evidence", "1")))
    assert hashlib.sha256(rules()).hexdigest() == decision.policy_digest


def test_two_at_once_do_not_mix(committed_ledger: Cast) -> None:
    made = []

    def run() -> None:
        try:
            made.append(pack(committed_ledger.principal("auditor")))
        finally:
            connection.close()

    # Each as from the session of the test, which has a second factor.
    threads = [threading.Thread(target=copy_context().run, args=(run,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({exported.number for exported in made}) == 2
    for exported in made:
        with exported.file, zipfile.ZipFile(exported.file) as archive:
            assert json.loads(archive.read("manifest.json"))["number"] == exported.number
