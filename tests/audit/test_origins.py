"""A log that goes on under a new name: earlier checkpoints count where their key is trusted by name."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from audit.ledger import keys
from audit.ledger.kinds import Kind
from audit.ledger.report import Report
from audit.ledger.signer import LedgerSigner
from audit.ledger.verify import verify
from audit.models import Checkpoint
from audit.proofs import checkpoint as c2sp
from audit.proofs.errors import CheckpointError, ProofError, UnverifiedNoteError
from audit.proofs.keys import Signer, generate_signer
from audit.proofs.merkle import EMPTY_ROOT
from tests.audit.test_ledger import add_services, publish
from tests.database import as_superuser
from tests.people import Cast

OLD, NEW = "old.example/ledger", "new.example/ledger"


def signer_of(path: Path, origin: str, settings: Any) -> LedgerSigner:
    settings.LEDGER_ORIGIN, settings.SIGNER_KEY = origin, path
    return LedgerSigner(keys.ensure_signer_key(path), path.with_suffix(".state"))


@pytest.fixture
def old(committed_cast: Cast, tmp_path: Path, settings: Any) -> LedgerSigner:
    """It signed two checkpoints."""
    signer = signer_of(tmp_path / "old", OLD, settings)
    for start in (0, 2):
        add_services(2, start=start)
        publish(signer)
    return signer


@pytest.fixture
def new(old: LedgerSigner, tmp_path: Path, settings: Any) -> LedgerSigner:
    """It took over, and signed one; the old one's key is trusted."""
    signer = signer_of(tmp_path / "new", NEW, settings)
    settings.LEDGER_EARLIER_KEYS = [old.signer.verifier.vkey]
    add_services(2, start=4)
    publish(signer)
    return signer


def report() -> Report:
    found = Report()
    verify(found, workers=1)
    return found


def kinds(found: Report) -> set[Kind]:
    return set(found.findings.counts)


def test_a_trusted_earlier_origin_is_verified_and_named(new: LedgerSigner) -> None:
    found = report()
    assert (found.status, found.problems) == ("verified", [])
    assert [(each.name, each.checkpoints) for each in found.origins] == [(OLD, 2), (NEW, 1)]
    assert found.origins[0].last < found.origins[1].first == found.size
    said = StringIO()
    call_command("verify_ledger", stdout=said)
    assert f"signed by {OLD}, an earlier origin that VIGIL_LEDGER_EARLIER_KEYS" in said.getvalue()
    assert f"signed by {NEW}\n" in said.getvalue()


def test_several_processes_say_the_same(new: LedgerSigner) -> None:
    together = Report()
    verify(together, workers=2)
    assert together.to_json() == report().to_json()


def test_an_origin_that_nobody_named_is_not_trusted(new: LedgerSigner, settings: Any) -> None:
    settings.LEDGER_EARLIER_KEYS = []
    found = report()
    assert kinds(found) == {Kind.CHECKPOINT_NOT_SIGNED}
    assert all(f"it is of {OLD}" in each.detail for each in found.problems)
    assert len(found.problems) == 2


@pytest.mark.parametrize("name", [OLD, "other.example/ledger"])
def test_another_key_is_not_trusted_whatever_its_name(
    new: LedgerSigner, settings: Any, name: str
) -> None:
    settings.LEDGER_EARLIER_KEYS = [generate_signer(name).verifier.vkey]
    assert kinds(report()) == {Kind.CHECKPOINT_NOT_SIGNED}


def test_an_earlier_key_does_not_sign_for_the_new_origin(
    new: LedgerSigner, old: LedgerSigner
) -> None:
    stored = Checkpoint.objects.latest("size")
    forged = c2sp.Checkpoint(NEW, stored.size, bytes(stored.root)).sign([old.signer])
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_checkpoint SET note = %s WHERE size = %s", [forged, stored.size]
        )
    (problem,) = report().problems
    assert problem.kind is Kind.CHECKPOINT_NOT_SIGNED
    assert "signed by another's key" in problem.detail


def test_an_earlier_key_signs_nothing_once_a_later_one_has(
    new: LedgerSigner, old: LedgerSigner
) -> None:
    add_services(2, start=6)
    publish(old)
    found = report()
    assert kinds(found) == {Kind.CHECKPOINT_OUT_OF_TURN}
    assert found.first_bad_index == found.size - 1


def test_the_order_of_trusted_keys_is_that_of_the_setting(
    new: LedgerSigner, old: LedgerSigner, tmp_path: Path, settings: Any
) -> None:
    third = signer_of(tmp_path / "third", "third.example/ledger", settings)
    add_services(2, start=6)
    publish(third)
    in_order = [old.signer.verifier.vkey, new.signer.verifier.vkey]
    settings.LEDGER_EARLIER_KEYS = in_order
    assert [each.checkpoints for each in report().origins] == [2, 1, 1]
    assert report().problems == []
    settings.LEDGER_EARLIER_KEYS = in_order[::-1]
    assert kinds(report()) == {Kind.CHECKPOINT_OUT_OF_TURN}


def test_before_the_new_key_has_signed_the_earlier_origin_still_covers(
    old: LedgerSigner, tmp_path: Path, settings: Any
) -> None:
    signer_of(tmp_path / "new", NEW, settings)
    settings.LEDGER_EARLIER_KEYS = [old.signer.verifier.vkey]
    assert report().status == "verified"
    settings.LEDGER_EARLIER_KEYS = []
    assert report().status == "broken"


def test_a_tampered_earlier_checkpoint_is_still_found(new: LedgerSigner) -> None:
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_checkpoint SET note = replace(note, encode(root, 'base64'),"
            " encode(sha256('x'), 'base64')) WHERE size = (SELECT min(size) FROM audit_checkpoint)"
        )
    assert kinds(report()) == {Kind.CHECKPOINT_NOT_SIGNED}


def test_a_kept_checkpoint_may_be_of_a_trusted_earlier_origin(
    new: LedgerSigner, tmp_path: Path, settings: Any
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(Checkpoint.objects.earliest("size").note)
    call_command("verify_ledger", "--from-checkpoint", str(kept), stdout=StringIO())
    settings.LEDGER_EARLIER_KEYS = []
    with pytest.raises(CommandError, match=f"it is of {OLD}"):
        call_command("verify_ledger", "--from-checkpoint", str(kept), stdout=StringIO())


def test_a_setting_that_holds_no_key_is_named(settings: Any) -> None:
    settings.LEDGER_EARLIER_KEYS = ["old.example/ledger"]
    (error,) = [each for each in run_checks() if each.id == "audit.E004"]
    assert "VIGIL_LEDGER_EARLIER_KEYS" in error.msg


def test_the_own_key_named_as_an_earlier_one_stays_the_own(
    new: LedgerSigner, settings: Any
) -> None:
    settings.LEDGER_EARLIER_KEYS = [*settings.LEDGER_EARLIER_KEYS, new.signer.verifier.vkey]
    assert [key.name for key in keys.trusted()] == [OLD, NEW]


def empty(origin: str, *signers: Signer) -> str:
    return c2sp.Checkpoint(origin, 0, EMPTY_ROOT).sign(signers)


def test_a_checkpoint_is_opened_by_the_last_of_its_own_keys() -> None:
    first, second, other = (generate_signer(name) for name in (OLD, OLD, NEW))
    trusted = [first.verifier, second.verifier, other.verifier]
    opened, key = c2sp.Checkpoint.open_by(empty(OLD, first, second, other), trusted)
    assert (opened.origin, key) == (OLD, second.verifier)
    with pytest.raises(CheckpointError, match="another's key"):
        c2sp.Checkpoint.open_by(empty(NEW, first), trusted)
    with pytest.raises(UnverifiedNoteError, match=OLD):
        c2sp.Checkpoint.open_by(empty(OLD, generate_signer(OLD)), trusted)
    with pytest.raises(ProofError):
        c2sp.Checkpoint.open_by(b"\xff", trusted)
