"""An independent implementation, that of sigstore-python, agrees with ours in both directions.

Its code is made for Rekor and needs each proof as a `TransparencyLogEntry`, whose message has

- numbers as decimal strings and bytes in base64, as Protocol Buffers have them in JSON;
- the entry as `canonicalizedBody`, which it hashes as the leaf;
- the root also beside the checkpoint, and compares the two;
- a log id whose first four bytes are the key id in the signature line. Of a key of type 0x01 that
  is the whole SHA-256 whose start is the C2SP key id, so the two agree;
- the key as SPKI in DER in its keyring, and exactly one blank line in the note.
"""

import json
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import PublicKey
from sigstore_models.rekor.v1 import TransparencyLogEntry as Message

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.encoding import encode_base64
from audit.proofs.keys import Verifier, generate_signer
from audit.proofs.merkle import inclusion_proof
from audit.proofs.tlog_proof import TlogProof
from tests.audit.proofs.published_notes import (
    REKOR_ENTRY,
    REKOR_ORIGIN,
    REKOR_PROOF,
    REKOR_VKEY,
)
from tests.audit.proofs.rfc6962 import ReferenceTree

ORIGIN = "vigil.example/ledger"


def sigstore_entry(
    entry: bytes, proof: TlogProof, checkpoint: Checkpoint, key: Verifier
) -> TransparencyLogEntry:
    log_id = sha256(key.name.encode() + b"\n\x01" + key.public_key).digest()
    message: dict[str, Any] = {
        "logIndex": str(proof.index),
        "logId": {"keyId": encode_base64(log_id)},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "inclusionProof": {
            "logIndex": str(proof.index),
            "rootHash": encode_base64(checkpoint.root),
            "treeSize": str(checkpoint.size),
            "hashes": [encode_base64(digest) for digest in proof.hashes],
            "checkpoint": {"envelope": proof.checkpoint},
        },
        "canonicalizedBody": encode_base64(entry),
    }
    return TransparencyLogEntry(Message.from_dict(message))


def sigstore_keyring(key: Verifier) -> RekorKeyring:
    public_key = Ed25519PublicKey.from_public_bytes(key.public_key)
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    message = {"rawBytes": encode_base64(der), "keyDetails": "PKIX_ED25519"}
    return RekorKeyring(Keyring([PublicKey.from_json(json.dumps(message))]))


def test_sigstore_accepts_our_proofs_and_checkpoints(tree: ReferenceTree) -> None:
    signer = generate_signer(ORIGIN)
    keyring = sigstore_keyring(signer.verifier)
    for size in (1, 2, 3, 7, 8, 255, 256, 257, 300):
        checkpoint = Checkpoint(ORIGIN, size, tree.mth(0, size))
        signed = checkpoint.sign([signer])
        for index in range(0, size, 1 + size // 16):
            hashes = tuple(inclusion_proof(index, size, tree.node))
            proof = TlogProof(index, hashes, signed)
            entry = sigstore_entry(tree.entries[index], proof, checkpoint, signer.verifier)
            verify_merkle_inclusion(entry)
            verify_checkpoint(keyring, entry)


def test_sigstore_refuses_what_we_refuse(tree: ReferenceTree) -> None:
    signer = generate_signer(ORIGIN)
    checkpoint = Checkpoint(ORIGIN, 7, tree.mth(0, 7))
    proof = TlogProof(3, tuple(inclusion_proof(3, 7, tree.node)), checkpoint.sign([signer]))
    other_entry = sigstore_entry(tree.entries[4], proof, checkpoint, signer.verifier)
    with pytest.raises(VerificationError):
        verify_merkle_inclusion(other_entry)
    stranger = sigstore_keyring(generate_signer(ORIGIN).verifier)
    with pytest.raises(VerificationError):
        verify_checkpoint(stranger, other_entry)


def test_both_accept_a_published_entry_of_rekor() -> None:
    key, proof = Verifier.parse(REKOR_VKEY), TlogProof.parse(REKOR_PROOF)
    checkpoint = proof.verify(REKOR_ENTRY, [key], origin=REKOR_ORIGIN)
    entry = sigstore_entry(REKOR_ENTRY, proof, checkpoint, key)
    verify_merkle_inclusion(entry)
    verify_checkpoint(sigstore_keyring(key), entry)


def test_rekors_key_is_the_one_in_sigstores_trusted_root() -> None:
    store = files("sigstore._store") / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    logs = json.loads((store / "trusted_root.json").read_text())["tlogs"]
    (log,) = [log for log in logs if log["baseUrl"] == f"https://{REKOR_ORIGIN}"]
    der = Ed25519PublicKey.from_public_bytes(Verifier.parse(REKOR_VKEY).public_key).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    assert log["publicKey"]["rawBytes"] == encode_base64(der)
