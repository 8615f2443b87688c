"""Named Ed25519 keys of C2SP signed-note, signature type 0x01.

The key id, the first four bytes of `SHA-256(name || 0x0A || 0x01 || public key)`, tells keys
apart; it is no strong hash, so a verifier is always given the whole public key beforehand.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from audit.proofs.encoding import decode_base64, encode_base64
from audit.proofs.errors import NoteError, ProofError

ED25519 = b"\x01"
KEY_SIZE = 32
KEY_ID_SIZE = 4

_PRIVATE = "PRIVATE+KEY+"


def check_key_name(name: str) -> None:
    """Key names are not empty and hold no Unicode space, plus or control character."""
    if not name or any(char.isspace() or char == "+" or char < " " for char in name):
        raise NoteError("a key name is not empty and has no spaces or plus signs")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise NoteError("a key name is UTF-8") from error


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of a key: its name and 32 bytes."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public_key) != KEY_SIZE:
            raise NoteError(f"an Ed25519 public key is {KEY_SIZE} bytes")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """`name+key id+base64(0x01 || public key)`; the key id must be that of the key.

        `PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW`
        """
        name, key = _split_key(vkey)
        verifier = cls(name, key)
        if verifier.vkey != vkey:
            raise NoteError("the key id does not belong to the key")
        return verifier

    @property
    def vkey(self) -> str:
        """The text that verifiers are configured with; see `parse`."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(ED25519 + self.public_key)}"

    @property
    def key_id(self) -> bytes:
        preimage = self.name.encode() + b"\n" + ED25519 + self.public_key
        return sha256(preimage).digest()[:KEY_ID_SIZE]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the 64-byte signature over exactly this message (RFC 8032)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and its name. Its text forms are secrets, and its `repr` shows none of them."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False, compare=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        public_key = self.private_key.public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", Verifier(self.name, public_key))

    @classmethod
    def parse(cls, skey: str) -> Self:
        """`PRIVATE+KEY+name+key id+base64(0x01 || seed)`, as golang.org/x/mod/sumdb/note has it."""
        if not skey.startswith(_PRIVATE):
            raise NoteError("not a private key")
        name, seed = _split_key(skey.removeprefix(_PRIVATE))
        signer = cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        if signer.skey != skey:
            raise NoteError("the key id does not belong to the key")
        return signer

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> Self:
        """From an unencrypted PKCS #8 file, such as `openssl genpkey -algorithm ed25519` writes."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoteError("not an unencrypted Ed25519 private key in PEM")
        return cls(name, key)

    @property
    def skey(self) -> str:
        """A secret; see `parse`."""
        seed = self.private_key.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.key_id.hex()}+{encode_base64(ED25519 + seed)}"

    @property
    def pem(self) -> bytes:
        """A secret; see `from_pem`."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def key_id(self) -> bytes:
        return self.verifier.key_id

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature (RFC 8032)."""
        return self.private_key.sign(message)


def generate_signer(name: str) -> Signer:
    """A new random key."""
    return Signer(name, Ed25519PrivateKey.generate())


def _split_key(text: str) -> tuple[str, bytes]:
    """The name and the 32 key bytes of `name+key id+base64(0x01 || key)`."""
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    try:
        data = decode_base64(encoded)
    except ProofError as error:
        raise NoteError("not a key in the form name+id+base64") from error
    if data[:1] != ED25519 or len(data) != 1 + KEY_SIZE:
        raise NoteError("not an Ed25519 key in the form name+id+base64")
    return name, data[1:]
