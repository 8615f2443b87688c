import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.errors import NoteError, ProofError
from audit.witness.message import MAX_BODY, MAX_HASHES, AddCheckpoint, text_of
from tests.audit.witness import published

HASH = "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
NOTE = published.SPECIFIED.partition("\n\n")[2]


def test_the_example_of_the_specification() -> None:
    parsed = AddCheckpoint.parse(published.SPECIFIED.encode())
    assert (parsed.old_size, len(parsed.proof)) == (20852014, 4)
    assert text_of(parsed.note).startswith("example.com/behind-the-sofa\n20852163\n")
    assert parsed.body == published.SPECIFIED.encode()


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_HASHES),
    st.text(max_size=500).filter(lambda text: text.isprintable()),
)
def test_parsing_undoes_writing(old_size: int, proof: list[bytes], note: str) -> None:
    message = AddCheckpoint(old_size, tuple(proof), note)
    assert AddCheckpoint.parse(message.body) == message


@given(st.binary(max_size=300))
def test_whatever_comes_is_parsed_or_refused(body: bytes) -> None:
    for start in (b"", b"old 1\n", f"old 1\n{HASH}\n\n".encode()):
        try:
            AddCheckpoint.parse(start + body)
        except ProofError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        f"old 1\n{HASH}\n{NOTE.partition(chr(10) * 2)[0]}".encode(),
        f"10 stuff\n\n{NOTE}".encode(),
        f"old -1\n\n{NOTE}".encode(),
        f"old 01\n\n{NOTE}".encode(),
        f"old  1\n\n{NOTE}".encode(),
        f"old {2**63}\n\n{NOTE}".encode(),
        f"old 1\nKgE=\n\n{NOTE}".encode(),
        f"old 1\n{HASH} \n\n{NOTE}".encode(),
        f"old 1\r\n\r\n{NOTE}".encode(),
        f"old 1\n{(HASH + chr(10)) * (MAX_HASHES + 1)}\n{NOTE}".encode(),
        f"old 1\n\n{NOTE}".encode("utf-16"),
        b"old 1\n\n" + bytes(MAX_BODY),
    ],
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(ProofError):
        AddCheckpoint.parse(body)


@pytest.mark.parametrize("note", ["", "text", "text\n\n", "text\n\n— nobody", NOTE.rstrip("\n")])
def test_only_a_note_has_a_text(note: str) -> None:
    with pytest.raises(NoteError):
        text_of(note)
