"""C2SP tlog-checkpoint: a log's signed tree head.

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

The origin, the tree size, the root hash, and extension lines if any, signed as a C2SP note.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from audit.proofs.encoding import MAX_SIZE, decode_base64, decode_decimal, encode_base64
from audit.proofs.errors import CheckpointError, ProofError, UnverifiedNoteError
from audit.proofs.merkle import EMPTY_ROOT, HASH_SIZE
from audit.proofs.note import Signer, Verifier, open_note, sign_note

# Origin, size and root.
FIXED_LINES = 3
SHOWN = 200
"""So much of an origin that nothing vouches for goes into a message."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`root` is the tree head over the leaves `[0, size)` of the log `origin`."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(_is_line(line) for line in (self.origin, *self.extensions)):
            raise CheckpointError("the lines of a checkpoint are not empty")
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError("no such tree size")
        if len(self.root) != HASH_SIZE or (self.size == 0 and self.root != EMPTY_ROOT):
            raise CheckpointError("the root is no tree head of that size")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of a note, without its signatures. It says nothing of who signed it."""
        *lines, end = text.split("\n")
        if end or len(lines) < FIXED_LINES:
            raise CheckpointError("a checkpoint has at least three lines, each ended by a newline")
        origin, size, root, *extensions = lines
        try:
            return cls(origin, decode_decimal(size), decode_base64(root), tuple(extensions))
        except ProofError as error:
            raise CheckpointError(f"malformed checkpoint: {error}") from error

    @classmethod
    def open(cls, note: str | bytes, verifiers: Iterable[Verifier], *, origin: str) -> Self:
        """The checkpoint of the log `origin`, signed by one of the log's keys.

        Give the keys of the log alone: what a witness signed, the log may never have. The origin
        keeps the checkpoint of one log from being passed off as that of another with the same key.
        """
        checkpoint = cls.parse(open_note(note, verifiers).text)
        if checkpoint.origin != origin:
            raise CheckpointError(f"a checkpoint of {checkpoint.origin}, not of {origin}")
        return checkpoint

    @classmethod
    def open_by(cls, note: str | bytes, verifiers: Sequence[Verifier]) -> tuple[Self, Verifier]:
        """The checkpoint and the last of the keys that signed it, all of them trusted and each named
        as the origin of its log: a key speaks for no other origin than its own."""
        try:
            opened = open_note(note, verifiers)
        except UnverifiedNoteError as error:
            said = note if isinstance(note, str) else note.decode()
            origin = said.partition("\n")[0][:SHOWN]
            detail = f"it says that it is of {origin}, and no key trusted for that signed it"
            raise UnverifiedNoteError(detail) from error
        checkpoint = cls.parse(opened.text)
        signed = {(each.name, each.key_id) for each in opened.verified}
        own = [key for key in verifiers if key.name == checkpoint.origin]
        signers = [key for key in own if (key.name, key.key_id) in signed]
        if not signers:
            raise CheckpointError(f"a checkpoint of {checkpoint.origin}, signed by another's key")
        return checkpoint, signers[-1]

    @property
    def text(self) -> str:
        """What is signed; `parse` is its inverse."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    def sign(self, signers: Iterable[Signer]) -> str:
        """The signed note. It is for the caller never to sign two that are inconsistent."""
        return sign_note(self.text, signers)


def _is_line(line: str) -> bool:
    return bool(line) and not any(char < " " for char in line)
