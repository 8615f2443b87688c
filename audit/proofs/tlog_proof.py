"""C2SP tlog-proof: one file that proves offline that an entry is in a log (`.tlog-proof`).

    c2sp.org/tlog-proof@v1
    extra <base64, left out if there is none>
    index 73894
    <base64 of each hash of the inclusion proof, from the leaf's sibling up>

    <the signed checkpoint, verbatim>

The extra data is not authenticated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.encoding import MAX_SIZE, decode_base64, decode_decimal, encode_base64
from audit.proofs.errors import ProofError, TlogProofError
from audit.proofs.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from audit.proofs.note import Verifier

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_SIZE = 2_000_000
"""Of the text, in characters: a checkpoint of the largest size and as much extra data."""

_MAX_HASHES = MAX_SIZE.bit_length()


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An entry's index and inclusion proof, and the signed checkpoint that they lead to."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise TlogProofError("no such index")
        if len(self.hashes) > _MAX_HASHES or any(len(h) != HASH_SIZE for h in self.hashes):
            raise TlogProofError(f"not at most {_MAX_HASHES} hashes of {HASH_SIZE} bytes")
        if not self.checkpoint:
            raise TlogProofError("no checkpoint")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """The parts, none of them verified yet."""
        if len(text) > MAX_PROOF_SIZE:
            raise TlogProofError("too large")
        try:
            text = text.decode() if isinstance(text, bytes) else text
            head, _, checkpoint = text.partition("\n\n")
            header, *lines = head.split("\n")
            extra = decode_base64(_field("extra", lines)) if _starts("extra", lines) else None
            index = decode_decimal(_field("index", lines))
            hashes = tuple(decode_base64(line) for line in lines)
        except ValueError as error:
            raise TlogProofError(f"malformed proof: {error}") from error
        if header != HEADER or extra == b"":
            raise TlogProofError(f"not a proof of the form {HEADER}")
        return cls(index, hashes, checkpoint, extra or b"")

    @property
    def text(self) -> str:
        """The file's content; `parse` is its inverse."""
        extra = [f"extra {encode_base64(self.extra)}"] if self.extra else []
        hashes = [encode_base64(digest) for digest in self.hashes]
        head = [HEADER, *extra, f"index {self.index}", *hashes]
        return "\n".join(head) + "\n\n" + self.checkpoint

    def verify(self, entry: bytes, verifiers: Iterable[Verifier], *, origin: str) -> Checkpoint:
        """The checkpoint, once it is known that the log signed it and has the entry at `index`.

        Raises a `ProofError` if not. `verifiers` and `origin` are as for `Checkpoint.open`.
        """
        checkpoint = Checkpoint.open(self.checkpoint, verifiers, origin=origin)
        verify_inclusion(
            leaf=leaf_hash(entry),
            index=self.index,
            size=checkpoint.size,
            proof=self.hashes,
            root=checkpoint.root,
        )
        return checkpoint


def _starts(name: str, lines: list[str]) -> bool:
    return bool(lines) and lines[0].startswith(f"{name} ")


def _field(name: str, lines: list[str]) -> str:
    """Takes the value off the first line, which must be this field."""
    if not _starts(name, lines):
        raise ProofError(f"no {name} line")
    return lines.pop(0).removeprefix(f"{name} ")
