"""What witnesses say of checkpoints, held against what real ones have said."""

import pytest

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import CosignatureVerifier, Cosigner, cosignatures
from audit.proofs.errors import CheckpointError, NoteError
from audit.proofs.keys import Signer, Verifier, generate_signer
from audit.proofs.merkle import leaf_hash
from audit.proofs.note import Signature, open_note, sign_note
from tests.audit.proofs.published_notes import PETER_SKEY, SUMDB_NOTE, WITNESS_LINE

# A checkpoint of a Certificate Transparency log of May 2026 with its cosignatures by four witnesses
# of other operators, and the keys that these have published.
ARCHE_ORIGIN = "arche2025h1.staging.ct.transparency.dev"
ARCHE_VKEY = f"{ARCHE_ORIGIN}+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
ARCHE_NOTE = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefw\
hUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhI\
gcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75\
W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTy\
nk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/\
2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
PUBLISHED = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
]
COSIGNED_AT = 1_779_573_024

CHECKPOINT = Checkpoint("log.example/ledger", 1, leaf_hash(b"entry"), ("an extension",))


@pytest.fixture
def witness() -> Cosigner:
    return Cosigner(generate_signer("witness.example/w1"))


def cosigned(*lines: Signature) -> str:
    note = CHECKPOINT.sign([generate_signer(CHECKPOINT.origin)])
    return note + "".join(f"{line.line}\n" for line in lines)


@pytest.mark.parametrize("vkey", PUBLISHED)
def test_a_published_cosignature_verifies_under_the_published_key(vkey: str) -> None:
    verifier = CosignatureVerifier.parse(vkey)
    assert verifier.vkey == vkey
    (found,) = cosignatures(ARCHE_NOTE, [verifier])
    assert (found.verifier.name, found.at) == (vkey.partition("+")[0], COSIGNED_AT)
    assert found.line in ARCHE_NOTE


def test_the_log_and_all_four_witnesses_signed_the_published_checkpoint() -> None:
    verifiers = [CosignatureVerifier.parse(vkey) for vkey in PUBLISHED]
    assert len(cosignatures(ARCHE_NOTE, verifiers)) == 4
    log = Verifier.parse(ARCHE_VKEY)
    assert Checkpoint.open(ARCHE_NOTE, [log], origin=ARCHE_ORIGIN).size == 1_432_088_532
    assert len(open_note(ARCHE_NOTE, [log, *verifiers]).verified) == 5


def test_no_altered_checkpoint_passes_for_the_published_one() -> None:
    verifiers = [CosignatureVerifier.parse(vkey) for vkey in PUBLISHED]
    for old, new in [("1432088532", "1432088533"), ("arche", "archa"), ("U7WM", "U7WN")]:
        with pytest.raises(NoteError, match="is wrong"):
            cosignatures(ARCHE_NOTE.replace(old, new, 1), verifiers)


def test_the_line_in_the_specification_has_the_shape_of_ours(witness: Cosigner) -> None:
    published = Signature.parse(WITNESS_LINE.rstrip("\n"))
    ours = witness.cosign(CHECKPOINT, at=1_679_315_147)
    assert published.signature[:8] == ours.signature[:8] == (1_679_315_147).to_bytes(8, "big")
    assert len(published.signature) == len(ours.signature) == 72


def test_a_cosignature_says_who_and_when(witness: Cosigner) -> None:
    note = cosigned(witness.cosign(CHECKPOINT, at=1_700_000_000))
    (found,) = cosignatures(note, [witness.verifier])
    assert (found.verifier, found.at) == (witness.verifier, 1_700_000_000)


def test_it_covers_the_extension_lines_and_the_time(witness: Cosigner) -> None:
    line = witness.cosign(CHECKPOINT, at=1_700_000_000)
    with pytest.raises(NoteError, match="is wrong"):
        cosignatures(cosigned(line).replace("an extension", "no extension"), [witness.verifier])
    later = (1_700_000_001).to_bytes(8, "big") + line.signature[8:]
    with pytest.raises(NoteError, match="is wrong"):
        cosignatures(cosigned(Signature(line.name, line.key_id, later)), [witness.verifier])


def test_a_plain_signature_of_the_same_key_is_no_cosignature(witness: Cosigner) -> None:
    """Type 0x01 and 0x04 have different key ids, and what they sign differs as well."""
    plain = witness.signer.sign(CHECKPOINT.text.encode())
    assert cosignatures(CHECKPOINT.sign([witness.signer]), [witness.verifier]) == ()
    posing = Signature(witness.signer.name, witness.verifier.key_id, plain)
    with pytest.raises(NoteError, match="is wrong"):
        cosignatures(cosigned(posing), [witness.verifier])
    line = witness.cosign(CHECKPOINT, at=1)
    assert not witness.signer.verifier.verify(CHECKPOINT.text.encode(), line.signature[8:])


def test_one_wrong_cosignature_outweighs_a_right_one(witness: Cosigner) -> None:
    right = witness.cosign(CHECKPOINT, at=1)
    wrong = Signature(right.name, right.key_id, bytes(72))
    with pytest.raises(NoteError, match="is wrong"):
        cosignatures(cosigned(right, wrong), [witness.verifier])


def test_of_several_by_one_witness_the_latest_counts(witness: Cosigner) -> None:
    lines = [witness.cosign(CHECKPOINT, at=at) for at in (5, 9, 7)]
    assert [c.at for c in cosignatures(cosigned(*lines), [witness.verifier])] == [9]


def test_witnesses_that_nobody_asked_about_are_set_aside(witness: Cosigner) -> None:
    note = cosigned(Cosigner(generate_signer("stranger")).cosign(CHECKPOINT, at=1))
    assert cosignatures(note, [witness.verifier]) == ()


def test_only_checkpoints_can_be_cosigned(witness: Cosigner) -> None:
    text = "not a checkpoint\n"
    data = (1).to_bytes(8, "big") + witness.signer.sign(b"cosignature/v1\ntime 1\n" + text.encode())
    line = Signature(witness.signer.name, witness.verifier.key_id, data)
    note = sign_note(text, [generate_signer("log")]) + f"{line.line}\n"
    with pytest.raises(CheckpointError):
        cosignatures(note, [witness.verifier])


@pytest.mark.parametrize("at", [0, -1, 2**63])
def test_a_cosignature_has_a_time(witness: Cosigner, at: int) -> None:
    with pytest.raises(NoteError, match="has a time"):
        witness.cosign(CHECKPOINT, at=at)


def test_a_time_beyond_63_bits_is_refused(witness: Cosigner) -> None:
    at = 2**63
    signed = b"cosignature/v1\ntime %d\n" % at + CHECKPOINT.text.encode()
    signature = at.to_bytes(8, "big") + witness.signer.sign(signed)
    assert not witness.verifier.verify(CHECKPOINT.text.encode(), signature)


def test_keys_of_logs_and_of_witnesses_are_not_taken_for_each_other() -> None:
    signer = Signer.parse(PETER_SKEY)
    verifier = Cosigner(signer).verifier
    assert verifier.key_id != signer.verifier.key_id
    assert verifier != signer.verifier
    with pytest.raises(NoteError):
        Verifier.parse(verifier.vkey)
    with pytest.raises(NoteError):
        CosignatureVerifier.parse(signer.verifier.vkey)


def test_no_altered_key_is_accepted() -> None:
    vkey = PUBLISHED[2]
    moved = [vkey[:at] + chr(ord(vkey[at]) + 1) + vkey[at + 1 :] for at in range(len(vkey))]
    for altered in (*moved, *(vkey[:end] for end in range(len(vkey)))):
        with pytest.raises(NoteError):
            CosignatureVerifier.parse(altered)


def test_a_checkpoint_without_cosignatures_has_none(witness: Cosigner) -> None:
    assert cosignatures(SUMDB_NOTE, [witness.verifier]) == ()
    assert cosignatures(SUMDB_NOTE, []) == ()


def test_the_secret_is_not_shown(witness: Cosigner) -> None:
    assert "private" not in repr(witness).lower()
