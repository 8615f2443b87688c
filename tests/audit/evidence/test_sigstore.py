"""What a real ledger publishes, checked by code that is not ours: sigstore-python's."""

import zipfile
from pathlib import Path

import pytest
from django.test import Client
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore.errors import VerificationError

from audit.evidence.export import evidence_export
from audit.evidence.selection import Selection
from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.models import Event
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import Verifier, generate_signer
from audit.proofs.tlog_proof import TlogProof
from tests.audit.proofs.test_sigstore import sigstore_entry, sigstore_keyring
from tests.audit.test_ledger import add_services, publish
from tests.people import Cast


def check(entry: bytes, proof: TlogProof, checkpoint: Checkpoint, key: Verifier) -> None:
    made = sigstore_entry(entry, proof, checkpoint, key)
    verify_merkle_inclusion(made)
    verify_checkpoint(sigstore_keyring(key), made)


def test_what_is_published_of_every_event(cast: Cast, signer: LedgerSigner) -> None:
    add_services(5)
    client = Client()
    client.force_login(cast.auditor)
    publish(signer)
    (key,) = keys.verifiers()
    published = client.get("/ledger/checkpoint").content.decode()
    checkpoint = Checkpoint.parse(published.partition("\n\n")[0] + "\n")
    entries = [(event.pk, bytes(event.entry)) for event in Event.objects.order_by("pk")]
    for number, entry in entries:
        proof = TlogProof.parse(client.get(f"/api/v1/audit/events/{number}/proof/").content)
        assert proof.checkpoint == published
        check(entry, proof, checkpoint, key)
    with pytest.raises(VerificationError):
        check(entries[0][1], proof, checkpoint, key)
    with pytest.raises(VerificationError):
        check(entry, proof, checkpoint, generate_signer(key.name).verifier)


def test_what_is_in_an_evidence_pack(cast: Cast, signer: LedgerSigner, tmp_path: Path) -> None:
    add_services(5)
    publish(signer)
    exported = evidence_export(
        selection=Selection(), by=cast.principal("auditor"), reason="check", patience=0
    )
    with exported.file, zipfile.ZipFile(exported.file) as pack:
        key = Verifier.parse(pack.read("log.vkey").decode().strip())
        note = pack.read("checkpoint").decode()
        checkpoint = Checkpoint.parse(note.partition("\n\n")[0] + "\n")
        names = [name for name in pack.namelist() if name.startswith("proofs/")]
        assert len(names) == exported.events
        for name in names:
            entry = pack.read(name.replace("proofs", "entries").replace("tlog-proof", "json"))
            check(entry, TlogProof.parse(pack.read(name)), checkpoint, key)


def test_cosignatures_do_not_get_into_its_way(cast: Cast, signer: LedgerSigner) -> None:
    client = Client()
    client.force_login(cast.auditor)
    stored = publish(signer)
    assert stored is not None
    (key,) = keys.verifiers()
    checkpoint = Checkpoint.open(stored.note, [key], origin=key.name)
    line = Cosigner(generate_signer("witness.example")).cosign(checkpoint, at=1_700_000_000).line
    event = Event.objects.order_by("pk").first()
    assert event is not None
    published = TlogProof.parse(client.get(f"/api/v1/audit/events/{event.pk}/proof/").content)
    cosigned = TlogProof(published.index, published.hashes, f"{stored.note}{line}\n")
    check(bytes(event.entry), cosigned, checkpoint, key)
