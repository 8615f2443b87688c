"""A proof file proves that an entry is in a log, or is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.encoding import MAX_SIZE
from audit.proofs.errors import CheckpointError, NoteError, ProofError, TlogProofError
from audit.proofs.keys import Signer, Verifier, generate_signer
from audit.proofs.merkle import inclusion_proof
from audit.proofs.tlog_proof import TlogProof
from tests.audit.proofs.published_notes import (
    PETER_SKEY,
    REKOR_ENTRY,
    REKOR_ORIGIN,
    REKOR_PROOF,
    REKOR_VKEY,
)
from tests.audit.proofs.rfc6962 import ReferenceTree

ORIGIN = "vigil.example/ledger"
# Hypothesis repeats a test, so keys are fixed; and Ed25519 signatures are deterministic.
SIGNER = Signer(ORIGIN, Signer.parse(PETER_SKEY).private_key)
KEYS = [SIGNER.verifier]

# The first part of the example of C2SP tlog-proof; the signatures of the second are elided there.
EXAMPLE = """\
c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

"""


def prove(tree: ReferenceTree, index: int, size: int, extra: bytes = b"") -> TlogProof:
    checkpoint = Checkpoint(ORIGIN, size, tree.mth(0, size))
    hashes = tuple(inclusion_proof(index, size, tree.node))
    return TlogProof(index, hashes, checkpoint.sign([SIGNER]), extra)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (6, 7), (7, 8), (41, 300), (299, 300)])
def test_proves_an_entry(tree: ReferenceTree, index: int, size: int) -> None:
    proof = TlogProof.parse(prove(tree, index, size).text)
    checkpoint = proof.verify(tree.entries[index], KEYS, origin=ORIGIN)
    assert checkpoint == Checkpoint(ORIGIN, size, tree.mth(0, size))


def test_proves_a_published_entry_of_a_live_log() -> None:
    proof = TlogProof.parse(REKOR_PROOF)
    key = Verifier.parse(REKOR_VKEY)
    assert proof.verify(REKOR_ENTRY, [key], origin=REKOR_ORIGIN).size == 412_115
    assert proof.text == REKOR_PROOF


def test_example_of_the_specification() -> None:
    proof = TlogProof.parse(EXAMPLE + "checkpoint\n")
    assert proof.index == 73_894
    assert len(proof.hashes) == 5
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.text == EXAMPLE + "checkpoint\n"


@pytest.mark.parametrize("index", range(8))
def test_refuses_any_other_entry(tree: ReferenceTree, index: int) -> None:
    proof = prove(tree, index, 8)
    for other in range(8):
        if other != index:
            with pytest.raises(ProofError, match="another root"):
                proof.verify(tree.entries[other], KEYS, origin=ORIGIN)


def test_refuses_another_log(tree: ReferenceTree) -> None:
    proof, entry = prove(tree, 3, 8), tree.entries[3]
    with pytest.raises(CheckpointError):
        proof.verify(entry, KEYS, origin="vigil.example/other")
    with pytest.raises(NoteError):
        proof.verify(entry, [generate_signer(ORIGIN).verifier], origin=ORIGIN)
    with pytest.raises(NoteError):
        proof.verify(entry, [], origin=ORIGIN)


def test_refuses_what_was_altered(tree: ReferenceTree) -> None:
    proof, entry = prove(tree, 3, 7), tree.entries[3]
    head = tree.mth(0, 7)
    for altered in (
        replace(proof, index=2),
        replace(proof, index=7),
        replace(proof, hashes=proof.hashes[:-1]),
        replace(proof, hashes=(*proof.hashes, head)),
        replace(proof, hashes=proof.hashes[::-1]),
        replace(proof, checkpoint=prove(tree, 3, 8).checkpoint),
        replace(proof, checkpoint=proof.checkpoint.replace("\n7\n", "\n8\n")),
        replace(proof, checkpoint="\n" + proof.checkpoint),
    ):
        with pytest.raises(ProofError):
            TlogProof.parse(altered.text).verify(entry, KEYS, origin=ORIGIN)


def test_every_changed_byte_is_noticed(tree: ReferenceTree) -> None:
    text = prove(tree, 2, 7).text.encode()
    for at, byte in enumerate(text):
        with pytest.raises(ProofError):
            TlogProof.parse(text[:at] + bytes([byte ^ 1]) + text[at + 1 :]).verify(
                tree.entries[2], KEYS, origin=ORIGIN
            )


@given(st.binary(min_size=1))
def test_extra_data_is_carried_and_proves_nothing(tree: ReferenceTree, extra: bytes) -> None:
    proof = TlogProof.parse(prove(tree, 3, 8, extra).text)
    assert proof.extra == extra
    assert proof.verify(tree.entries[3], KEYS, origin=ORIGIN).size == 8


@given(
    st.builds(
        TlogProof,
        index=st.integers(0, MAX_SIZE),
        hashes=st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
        checkpoint=st.text(min_size=1),
        extra=st.binary(),
    )
)
def test_round_trip(proof: TlogProof) -> None:
    assert TlogProof.parse(proof.text) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\n\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1 \nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\ncheckpoint\r\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex \n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex  1\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra QQ==\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra !!\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra QQ==\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra QQ==\nextra QQ==\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nQQ==\n\ncheckpoint\n",
        EXAMPLE.replace("PlQ=", "PlR=") + "checkpoint\n",
        EXAMPLE.replace("PlQ=\n", "PlQ=\n" * 60) + "checkpoint\n",
        EXAMPLE + "x" * 2_000_000,
    ],
)
def test_malformed_proofs_are_refused(text: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(TlogProofError):
            TlogProof.parse(form)


def test_bytes_must_be_utf_8() -> None:
    with pytest.raises(TlogProofError):
        TlogProof.parse(EXAMPLE.encode() + b"\xff")


@given(st.text() | st.binary() | st.text("\nindex 0=Aa").map("c2sp.org/tlog-proof@v1\n".__add__))
def test_whatever_parses_has_one_spelling(text: str | bytes) -> None:
    try:
        proof = TlogProof.parse(text)
    except TlogProofError:
        return
    assert proof.text == (text if isinstance(text, str) else text.decode())
    with pytest.raises(ProofError):
        proof.verify(b"entry", KEYS, origin=ORIGIN)


@pytest.mark.parametrize(
    ("index", "hashes", "checkpoint"),
    [
        (-1, (), "c"),
        (2**63, (), "c"),
        (0, (b"short",), "c"),
        (0, (bytes(32),) * 64, "c"),
        (0, (), ""),
    ],
)
def test_no_such_proof(index: int, hashes: tuple[bytes, ...], checkpoint: str) -> None:
    with pytest.raises(TlogProofError):
        TlogProof(index, hashes, checkpoint)
