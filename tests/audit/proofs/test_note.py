"""A note is opened only by a right signature of a known key, and none of a known key is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.errors import NoteError, UnverifiedNoteError
from audit.proofs.keys import Signer, Verifier, generate_signer
from audit.proofs.note import Signature, open_note, sign_note
from tests.audit.proofs.published_notes import (
    ENOCH_LINE,
    ENOCH_VKEY,
    PETER_LINE,
    PETER_SKEY,
    PETER_VKEY,
    QUASIMODO_NOTE,
    SUMDB_NOTE,
    SUMDB_VKEY,
    TEXT,
    WITNESS_LINE,
)

PETER = Verifier.parse(PETER_VKEY)
ENOCH = Verifier.parse(ENOCH_VKEY)
PETER_SIGNATURE = Signature.parse(PETER_LINE.rstrip("\n"))
ENOCH_SIGNATURE = Signature.parse(ENOCH_LINE.rstrip("\n"))
SIGNED = TEXT + "\n" + PETER_LINE

NOTE_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)])
    | st.just("\n")
).map("{}\n".format)


class TestPublishedNotes:
    def test_are_reproduced(self) -> None:
        assert sign_note(TEXT, [Signer.parse(PETER_SKEY)]) == SIGNED

    def test_with_one_known_key_of_two(self) -> None:
        note = open_note(SIGNED + ENOCH_LINE, [PETER])
        assert note.text == TEXT
        assert note.verified == (PETER_SIGNATURE,)
        assert note.unknown == (ENOCH_SIGNATURE,)

    def test_with_two_known_keys(self) -> None:
        note = open_note((SIGNED + ENOCH_LINE).encode(), [ENOCH, PETER])
        assert note.verified == (PETER_SIGNATURE, ENOCH_SIGNATURE)
        assert note.unknown == ()

    def test_with_repeated_signatures(self) -> None:
        note = open_note(SIGNED + PETER_LINE + ENOCH_LINE + ENOCH_LINE, [PETER])
        assert note.verified == (PETER_SIGNATURE,)
        assert note.unknown == (ENOCH_SIGNATURE,)

    def test_of_the_go_checksum_database(self) -> None:
        note = open_note(SUMDB_NOTE + WITNESS_LINE, [Verifier.parse(SUMDB_VKEY)])
        assert note.text.startswith("go.sum database tree\n20852163\n")
        assert [signature.name for signature in note.unknown] == ["witness.example.com/w1"]

    def test_with_blank_lines_in_the_text(self) -> None:
        """The specification's example is well-formed; nothing more can be said without its key."""
        with pytest.raises(UnverifiedNoteError):
            open_note(QUASIMODO_NOTE, [PETER])
        stranger = generate_signer("quasimodo.example/salvatore")
        with pytest.raises(UnverifiedNoteError):
            open_note(QUASIMODO_NOTE, [stranger.verifier])


class TestKnownKeys:
    def test_a_note_of_unknown_keys_is_not_opened(self) -> None:
        for verifiers in ([], [ENOCH]):
            with pytest.raises(UnverifiedNoteError):
                open_note(SIGNED, verifiers)

    def test_a_key_of_the_same_name_is_another_key(self) -> None:
        namesake = generate_signer("PeterNeumann")
        with pytest.raises(UnverifiedNoteError):
            open_note(SIGNED, [namesake.verifier])
        note = open_note(SIGNED, [namesake.verifier, PETER])
        assert note.verified == (PETER_SIGNATURE,)

    def test_a_key_of_the_same_id_is_another_key(self) -> None:
        other_name = Signature("Peter", PETER.key_id, PETER_SIGNATURE.signature)
        with pytest.raises(UnverifiedNoteError):
            open_note(f"{TEXT}\n{other_name.line}\n", [PETER])

    def test_one_wrong_signature_of_a_known_key_spoils_the_note(self) -> None:
        wrong = Signature("EnochRoot", ENOCH.key_id, PETER_SIGNATURE.signature)
        note = f"{SIGNED}{wrong.line}\n"
        assert open_note(note, [PETER]).verified == (PETER_SIGNATURE,)
        with pytest.raises(NoteError, match="EnochRoot is wrong"):
            open_note(note, [PETER, ENOCH])

    def test_a_right_signature_does_not_cover_for_a_wrong_one_by_the_same_key(self) -> None:
        wrong = Signature("PeterNeumann", PETER.key_id, ENOCH_SIGNATURE.signature)
        with pytest.raises(NoteError, match="PeterNeumann is wrong"):
            open_note(f"{SIGNED}{wrong.line}\n", [PETER])

    def test_a_verifier_given_twice_is_one(self) -> None:
        assert open_note(SIGNED, [PETER, ENOCH, PETER]).verified == (PETER_SIGNATURE,)

    def test_two_keys_with_one_name_and_id_are_refused(self) -> None:
        class Twin(Verifier):
            @property
            def key_id(self) -> bytes:
                return PETER.key_id

        with pytest.raises(NoteError, match="two known keys"):
            open_note(SIGNED, [PETER, Twin("PeterNeumann", bytes(32))])


class TestForm:
    @pytest.mark.parametrize(
        "note",
        [
            "",
            "\n",
            "\n\n",
            TEXT,
            TEXT + "\n",
            TEXT + PETER_LINE,
            SIGNED.removesuffix("\n"),
            SIGNED + "\n",
            SIGNED + "Unexpected line.\n",
            SIGNED + "—\n",
            SIGNED + PETER_LINE.replace("— ", "-- "),
            SIGNED + PETER_LINE.replace("— ", "—"),
            SIGNED + PETER_LINE.replace("— ", "—  "),
            SIGNED + PETER_LINE.replace("PeterNeumann ", "Peter Neumann "),
            SIGNED + PETER_LINE.replace("PeterNeumann ", "PeterNeumann  "),
            SIGNED + PETER_LINE.replace("PeterNeumann", "Peter+Neumann"),
            SIGNED + PETER_LINE.replace("PeterNeumann", "Peter\u00a0Neumann"),
            SIGNED + PETER_LINE.replace("\n", " \n"),
            SIGNED + PETER_LINE.replace("JnAM=", "JnAN="),
            SIGNED + PETER_LINE.replace("JnAM=", "JnAM"),
            SIGNED + "— stranger x08gow==\n",
            SIGNED + "— stranger x08g\n",
            SIGNED + "— stranger \n",
            SIGNED.replace("\n", "\r\n"),
            "\x01" + SIGNED,
            "\ud800" + SIGNED,
            TEXT + "\n" + PETER_LINE * 101,
            "x" * 1_000_000 + "\n\n" + PETER_LINE,
        ],
    )
    def test_malformed_notes_are_refused(self, note: str) -> None:
        with pytest.raises(NoteError) as refusal:
            open_note(note, [PETER])
        assert not isinstance(refusal.value, UnverifiedNoteError)

    def test_bytes_must_be_utf_8(self) -> None:
        with pytest.raises(NoteError, match="UTF-8"):
            open_note(b"\xff" + SIGNED.encode(), [PETER])

    def test_every_changed_byte_is_noticed(self) -> None:
        signed = SIGNED.encode()
        for at, byte in enumerate(signed):
            with pytest.raises(NoteError):
                open_note(signed[:at] + bytes([byte ^ 1]) + signed[at + 1 :], [PETER])

    def test_sixteen_signatures_have_room(self) -> None:
        signers = [generate_signer(f"example.com/{number}") for number in range(16)]
        note = open_note(sign_note(TEXT, signers), [signer.verifier for signer in signers])
        assert [signature.name for signature in note.verified] == [s.name for s in signers]

    @given(NOTE_TEXT)
    def test_what_was_signed_is_what_is_opened(self, text: str) -> None:
        signer = Signer.parse(PETER_SKEY)
        assert open_note(sign_note(text, [signer]), [PETER]).text == text

    @given(st.text() | st.binary() | st.text("—\n a+=").map(SIGNED.__add__))
    def test_whatever_comes_is_opened_or_refused(self, note: str | bytes) -> None:
        try:
            opened = open_note(note, [PETER])
        except NoteError:
            return
        assert opened.text == TEXT

    @pytest.mark.parametrize("text", ["", "abc", "a\tb\n", "a\r\n", "\ud800\n", "x" * 1_000_001])
    def test_what_is_no_note_text_is_not_signed(self, text: str) -> None:
        with pytest.raises(NoteError):
            sign_note(text, [Signer.parse(PETER_SKEY)])

    def test_a_note_has_a_signature(self) -> None:
        with pytest.raises(NoteError):
            sign_note(TEXT, [])
