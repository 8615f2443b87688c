"""The body of `add-checkpoint` (C2SP tlog-witness). Pure.

    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7[…]YQ8=

A size, the proof that the checkpoint continues the tree of that size, and the signed checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from audit.proofs.encoding import decode_base64, decode_decimal, encode_base64
from audit.proofs.errors import NoteError, ProofError, UnverifiedNoteError
from audit.proofs.merkle import HASH_SIZE
from audit.proofs.note import open_note

MAX_HASHES = 63
MAX_BODY = 64 * 1024
"""Room for the longest proof and some 60 kB of checkpoint; one of ours takes 300 bytes."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """What is asked of a witness; nothing in it is verified."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises `ProofError` where the body does not have the form."""
        if len(body) > MAX_BODY:
            raise ProofError(f"the body has more than {MAX_BODY:,} bytes")
        try:
            head, blank, note = body.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise ProofError("the body is not UTF-8") from error
        old, *hashes = head.split("\n")
        if not blank or not old.startswith("old "):
            raise ProofError("the body is an old size, a proof, an empty line and a checkpoint")
        if len(hashes) > MAX_HASHES:
            raise ProofError(f"the proof has more than {MAX_HASHES} hashes")
        proof = tuple(decode_base64(line) for line in hashes)
        if any(len(digest) != HASH_SIZE for digest in proof):
            raise ProofError(f"a hash is not {HASH_SIZE} bytes")
        return cls(decode_decimal(old.removeprefix("old ")), proof, note)

    @property
    def body(self) -> bytes:
        """`parse` is its inverse."""
        head = [f"old {self.old_size}", *(encode_base64(digest) for digest in self.proof)]
        return ("\n".join(head) + "\n\n" + self.note).encode()


def add_checkpoint(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    return AddCheckpoint(old_size, tuple(proof), note).body


def text_of(note: str) -> str:
    """The text of a well-formed note. It says nothing of who signed it. Raises `NoteError`."""
    try:
        open_note(note, ())
    except UnverifiedNoteError:
        return note.rpartition("\n\n")[0] + "\n"
    raise NoteError("a note was opened without a key")
