"""A checkpoint has one spelling, and is believed only of the log that it names and signs for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.encoding import MAX_SIZE
from audit.proofs.errors import CheckpointError, NoteError, UnverifiedNoteError
from audit.proofs.keys import Verifier, generate_signer
from audit.proofs.merkle import EMPTY_ROOT, leaf_hash
from audit.proofs.note import sign_note
from tests.audit.proofs.published_notes import SUMDB_NOTE, SUMDB_VKEY, WITNESS_LINE

ORIGIN = "example.com/behind-the-sofa"
# The example of C2SP tlog-checkpoint.
TEXT = f"{ORIGIN}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, ROOT)
SIGNER = generate_signer(ORIGIN)

LINES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)]),
    min_size=1,
)
CHECKPOINTS = st.builds(
    Checkpoint,
    origin=LINES,
    size=st.integers(1, MAX_SIZE),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(LINES, max_size=3).map(tuple),
)


def test_example_of_the_specification() -> None:
    assert CHECKPOINT.text == TEXT
    assert Checkpoint.parse(TEXT) == CHECKPOINT


def test_example_of_the_go_checksum_database_format() -> None:
    text = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"
    checkpoint = Checkpoint("go.sum database tree", 123_456_789_012, leaf_hash(b"hello world"))
    assert checkpoint.text == text
    assert Checkpoint.parse(text) == checkpoint


def test_a_checkpoint_that_the_go_checksum_database_signed() -> None:
    checkpoint = Checkpoint.open(
        SUMDB_NOTE + WITNESS_LINE, [Verifier.parse(SUMDB_VKEY)], origin="go.sum database tree"
    )
    assert checkpoint == Checkpoint("go.sum database tree", 20_852_163, ROOT)


@given(CHECKPOINTS)
def test_round_trip(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text) == checkpoint
    signed = checkpoint.sign([SIGNER])
    assert Checkpoint.open(signed, [SIGNER.verifier], origin=checkpoint.origin) == checkpoint


def test_the_empty_tree() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert empty.text == f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert Checkpoint.parse(empty.text) == empty
    with pytest.raises(CheckpointError):
        Checkpoint(ORIGIN, 0, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        TEXT.removesuffix("\n"),
        TEXT + "\n",
        TEXT + "extension",
        TEXT + "\nextension\n",
        TEXT + "extension\n\n",
        TEXT.replace(ORIGIN, ""),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("20852163", ""),
        TEXT.replace("20852163", "020852163"),
        TEXT.replace("20852163", "00"),
        TEXT.replace("20852163", "-1"),
        TEXT.replace("20852163", "+20852163"),
        TEXT.replace("20852163", "0x13e2e83"),
        TEXT.replace("20852163", "20852163 "),
        TEXT.replace("20852163", "20_852_163"),
        TEXT.replace("20852163", "²"),
        TEXT.replace("20852163", str(2**63)),
        TEXT.replace("20852163", "9" * 5000),
        TEXT.replace("q2I=", "q2I"),
        TEXT.replace("q2I=", "q2J="),
        TEXT.replace("q2I=", "q2I= "),
        TEXT.replace("q2I=", "q2IA"),
        TEXT.replace("CsUYapGG", ""),
        TEXT.replace("/", "_"),
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.parse(text)


@given(st.text() | st.text("\n 0123=Aa").map(TEXT.__add__))
def test_whatever_parses_has_one_spelling(text: str) -> None:
    try:
        checkpoint = Checkpoint.parse(text)
    except CheckpointError:
        return
    assert checkpoint.text == text


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 1, ROOT, ()),
        ("a\nb", 1, ROOT, ()),
        ("a\tb", 1, ROOT, ()),
        ("a", -1, ROOT, ()),
        ("a", 2**63, ROOT, ()),
        ("a", 1, ROOT[1:], ()),
        ("a", 1, ROOT, ("",)),
        ("a", 1, ROOT, ("b\n",)),
    ],
)
def test_no_such_checkpoint(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint(origin, size, root, extensions)


class TestOpening:
    def test_needs_a_signature_of_the_log(self) -> None:
        with pytest.raises(UnverifiedNoteError):
            Checkpoint.open(
                CHECKPOINT.sign([SIGNER]), [generate_signer(ORIGIN).verifier], origin=ORIGIN
            )

    def test_refuses_the_checkpoint_of_another_log_with_the_same_key(self) -> None:
        other = Checkpoint("example.com/other", CHECKPOINT.size, CHECKPOINT.root)
        with pytest.raises(CheckpointError, match=r"of example\.com/other"):
            Checkpoint.open(other.sign([SIGNER]), [SIGNER.verifier], origin=ORIGIN)

    def test_refuses_a_changed_size_or_root(self) -> None:
        signed = CHECKPOINT.sign([SIGNER])
        for changed in (signed.replace("20852163", "20852164"), signed.replace("CsUY", "CsUZ")):
            with pytest.raises(NoteError, match="wrong"):
                Checkpoint.open(changed, [SIGNER.verifier], origin=ORIGIN)

    def test_refuses_a_signed_note_that_is_no_checkpoint(self) -> None:
        with pytest.raises(CheckpointError):
            Checkpoint.open(sign_note("hello\n", [SIGNER]), [SIGNER.verifier], origin="hello")

    def test_accepts_either_key_while_one_replaces_the_other(self) -> None:
        successor = generate_signer(ORIGIN)
        signed = CHECKPOINT.sign([SIGNER, successor])
        for key in (SIGNER, successor):
            assert Checkpoint.open(signed, [key.verifier], origin=ORIGIN) == CHECKPOINT
