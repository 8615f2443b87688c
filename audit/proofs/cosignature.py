"""C2SP tlog-cosignature v1 by Ed25519, signature type 0x04: what a witness says of a checkpoint.

    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWX[…]qnA==

The signature is the time in seconds since 1970, as a big-endian uint64, and 64 bytes of Ed25519
over a first line `cosignature/v1`, a line `time 1679315147`, and the text of the checkpoint. It
says: at that time this was the largest tree of the log that the witness had seen, and it continues
all of those that it saw before. The name of the witness is not signed, so a key has one name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.encoding import decode_base64, encode_base64
from audit.proofs.errors import NoteError, ProofError, UnverifiedNoteError
from audit.proofs.keys import KEY_ID_SIZE, KEY_SIZE, Signer, Verifier
from audit.proofs.note import Signature, open_note

COSIGNATURE = b"\x04"
MAX_TIMESTAMP = 2**63 - 1

_TIMESTAMP_SIZE = 8
_SIZE = _TIMESTAMP_SIZE + 64


@dataclass(frozen=True, slots=True)
class CosignatureVerifier(Verifier):
    """The public half of a witness's key. It verifies cosignatures alone: an Ed25519 signature of
    the same key without a time is wrong to it."""

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """`name+key id+base64(0x04 || public key)`; the key id must be that of the key.

        `remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2`
        """
        name, _, rest = vkey.partition("+")
        try:
            key = decode_base64(rest.partition("+")[2])
        except ProofError as error:
            raise NoteError("not a key in the form name+id+base64") from error
        if key[:1] != COSIGNATURE or len(key) != 1 + KEY_SIZE:
            raise NoteError("not a witness's Ed25519 key in the form name+id+base64")
        verifier = cls(name, key[1:])
        if verifier.vkey != vkey:
            raise NoteError("the key id does not belong to the key")
        return verifier

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(COSIGNATURE + self.public_key)}"

    @property
    def key_id(self) -> bytes:
        preimage = self.name.encode() + b"\n" + COSIGNATURE + self.public_key
        return sha256(preimage).digest()[:KEY_ID_SIZE]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key cosigned exactly this text, at the time that the signature names."""
        if len(signature) != _SIZE or (at := _timestamp(signature)) > MAX_TIMESTAMP:
            return False
        return Verifier.verify(self, _message(message, at), signature[_TIMESTAMP_SIZE:])


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's key. Its secret is kept as that of any note key is, see `Signer.parse`."""

    signer: Signer

    @property
    def verifier(self) -> CosignatureVerifier:
        return CosignatureVerifier(self.signer.name, self.signer.verifier.public_key)

    def cosign(self, checkpoint: Checkpoint, *, at: int) -> Signature:
        """It is for the caller to know that no larger and no other tree was ever cosigned."""
        if not 0 < at <= MAX_TIMESTAMP:
            raise NoteError("a cosignature has a time")
        signature = self.signer.sign(_message(checkpoint.text.encode(), at))
        data = at.to_bytes(_TIMESTAMP_SIZE, "big") + signature
        return Signature(self.signer.name, self.verifier.key_id, data)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified one: by whom, when, and its line in the note without the newline."""

    verifier: CosignatureVerifier
    at: int
    line: str


def cosignatures(
    note: str | bytes, verifiers: Iterable[CosignatureVerifier]
) -> tuple[Cosignature, ...]:
    """The verified cosignatures by these witnesses on the checkpoint, the latest of each.

    Raises a `ProofError` if the note is malformed or any signature by one of the keys is wrong.
    """
    known = {(v.name, v.key_id): v for v in verifiers}
    try:
        opened = open_note(note, known.values())
    except UnverifiedNoteError:
        return ()
    Checkpoint.parse(opened.text)
    latest: dict[CosignatureVerifier, Cosignature] = {}
    for signature in opened.verified:
        verifier, at = known[signature.name, signature.key_id], _timestamp(signature.signature)
        if verifier not in latest or latest[verifier].at < at:
            latest[verifier] = Cosignature(verifier, at, signature.line)
    return tuple(latest.values())


def _timestamp(signature: bytes) -> int:
    return int.from_bytes(signature[:_TIMESTAMP_SIZE], "big")


def _message(text: bytes, at: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % at + text
