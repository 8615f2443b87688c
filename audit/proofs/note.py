"""C2SP signed-note: text signed by one or more keys.

    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1[…]wJnAM=

The text ends in a newline, which is signed; the blank line after it is not. A signature is the
base64 of the four-byte key id and what the key made. Until a known key's signature has been
verified, the text means nothing, so nothing here returns it earlier.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from audit.proofs.encoding import decode_base64, encode_base64
from audit.proofs.errors import NoteError, ProofError, UnverifiedNoteError
from audit.proofs.keys import KEY_ID_SIZE, Signer, Verifier, check_key_name, generate_signer

__all__ = ["Note", "Signature", "Signer", "Verifier", "generate_signer", "open_note", "sign_note"]

MAX_NOTE_SIZE = 1_000_000
MAX_SIGNATURES = 100
"""The specification asks for room for at least 16."""

_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, and the signature."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        if not line.startswith(_DASH):
            raise NoteError("a signature line starts with an em dash and a space")
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        check_key_name(name)
        try:
            data = decode_base64(encoded)
        except ProofError as error:
            raise NoteError("a signature is not base64") from error
        if len(data) <= KEY_ID_SIZE:
            raise NoteError("a signature is a key id and at least one byte more")
        return cls(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])

    @property
    def line(self) -> str:
        """Without its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}"


@dataclass(frozen=True, slots=True)
class Note:
    """An opened note. At least one of its signatures was verified; the rest are of unknown keys."""

    text: str
    verified: tuple[Signature, ...]
    unknown: tuple[Signature, ...]


def sign_note(text: str, signers: Iterable[Signer]) -> str:
    """The note of `text`, which ends in a newline, with one signature by each signer, in order."""
    message = _check_text(text)
    if not text.endswith("\n"):
        raise NoteError("the text of a note ends in a newline")
    signatures = [Signature(s.name, s.key_id, s.sign(message)) for s in signers]
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise NoteError(f"a note has 1 to {MAX_SIGNATURES} signatures")
    return text + "\n" + "".join(f"{signature.line}\n" for signature in signatures)


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> Note:
    """The note, once a signature by one of the verifiers was found right.

    Keys are known by name and key id together; signatures by others are set aside. Raises
    `UnverifiedNoteError` if there are only such, and `NoteError` if the note is malformed or any
    signature by a known key is wrong: one right signature does not outweigh it.
    """
    known = _index(verifiers)
    text, signatures = _split_note(note)
    message = text.encode()
    verified, unknown = [], []
    for signature in signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            unknown.append(signature)
        elif verifier.verify(message, signature.signature):
            verified.append(signature)
        else:
            raise NoteError(f"the signature by {verifier.name} is wrong")
    if not verified:
        raise UnverifiedNoteError("the note has no signature by a known key")
    return Note(text, tuple(dict.fromkeys(verified)), tuple(dict.fromkeys(unknown)))


def _split_note(note: str | bytes) -> tuple[str, list[Signature]]:
    """The text and signatures; the last blank line divides them."""
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError as error:
            raise NoteError("a note is UTF-8") from error
    _check_text(note)
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteError("a note is text, a blank line and signature lines, each ended by a newline")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"a note has at most {MAX_SIGNATURES} signatures")
    return text + "\n", [Signature.parse(line) for line in lines]


def _check_text(text: str) -> bytes:
    if any(char < " " and char != "\n" for char in text):
        raise NoteError("a note has no control characters but newlines")
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("a note is UTF-8") from error
    if len(encoded) > MAX_NOTE_SIZE:
        raise NoteError(f"a note is at most {MAX_NOTE_SIZE:,} bytes")
    return encoded


def _index(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        # Two keys under one name and id: somebody crafted one of them, so neither is to be trusted.
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise NoteError(f"two known keys share the name {verifier.name} and their key id")
    return known
