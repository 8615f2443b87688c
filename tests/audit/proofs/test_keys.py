"""Keys have one spelling each, and none that does not belong to them is accepted."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.errors import NoteError
from audit.proofs.keys import Signer, Verifier, generate_signer
from tests.audit.proofs.published_notes import ENOCH_VKEY, PETER_SKEY, PETER_VKEY, SUMDB_VKEY


def alterations(key: str) -> list[str]:
    """Every proper part of a key, and the key with any one character moved up by one."""
    ends = range(len(key) + 1)
    parts = [key[start:end] for start in ends for end in ends if (start, end) != (0, len(key))]
    moved = [key[:at] + chr(ord(key[at]) + 1) + key[at + 1 :] for at in range(len(key))]
    return parts + moved


@pytest.mark.parametrize("vkey", [PETER_VKEY, ENOCH_VKEY, SUMDB_VKEY])
def test_published_verifier_keys(vkey: str) -> None:
    verifier = Verifier.parse(vkey)
    name, key_id, _ = vkey.split("+", 2)
    assert (verifier.name, verifier.key_id.hex(), verifier.vkey) == (name, key_id, vkey)


def test_published_signer_key() -> None:
    signer = Signer.parse(PETER_SKEY)
    assert signer.skey == PETER_SKEY
    assert signer.verifier == Verifier.parse(PETER_VKEY)
    assert signer.key_id.hex() == "c74f20a3"


def test_no_altered_verifier_key_is_accepted() -> None:
    for vkey in alterations(PETER_VKEY):
        with pytest.raises(NoteError):
            Verifier.parse(vkey)


def test_no_altered_signer_key_is_accepted() -> None:
    for skey in alterations(PETER_SKEY):
        with pytest.raises(NoteError):
            Signer.parse(skey)


@pytest.mark.parametrize(
    "vkey",
    [
        # Of the wrong length and of an unknown algorithm, each with the key id that this makes.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER_VKEY.replace("c74f20a3", "C74F20A3"),
        PETER_VKEY.replace("c74f20a3", "0c74f20a3"),
        PETER_VKEY.replace("PeterNeumann", "EnochRoot"),
        PETER_SKEY,
    ],
)
def test_other_verifier_keys_are_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(vkey)


def test_a_key_of_another_algorithm_is_called_so() -> None:
    with pytest.raises(NoteError, match="not an Ed25519 key"):
        Verifier.parse("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")


@given(st.text())
def test_whatever_text_is_a_key_or_refused(text: str) -> None:
    for parse in (Verifier.parse, Signer.parse):
        for key in (text, f"PRIVATE+KEY+{text}", f"{text}+00000000+QQ=="):
            with pytest.raises(NoteError):
                parse(key)


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a+b", "a\n", "a\tb", "a\u00a0b", "a\u2003b", "a\u2028b", "\x00", "\ud800"],
)
def test_names_without_spaces_or_plus(name: str) -> None:
    with pytest.raises(NoteError):
        generate_signer(name)


@pytest.mark.parametrize("name", ["example.com/log42", "Ω", "—", "a-b_c:d"])
def test_a_generated_key_signs_and_verifies(name: str) -> None:
    signer = generate_signer(name)
    signature = signer.sign(b"message")
    verifier = Verifier.parse(signer.verifier.vkey)
    assert verifier.verify(b"message", signature)
    assert not verifier.verify(b"Message", signature)
    assert not verifier.verify(b"message", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verifier.verify(b"message", signature[:-1])
    assert not generate_signer(name).verifier.verify(b"message", signature)


def test_text_and_pem_forms_round_trip() -> None:
    signer = generate_signer("example.com/log42")
    for loaded in (Signer.parse(signer.skey), Signer.from_pem(signer.name, signer.pem)):
        assert loaded == signer
        assert loaded.sign(b"message") == signer.sign(b"message")


def test_the_key_id_depends_on_the_name() -> None:
    signer = generate_signer("a")
    assert Signer.from_pem("b", signer.pem).key_id != signer.key_id


def test_other_pem_is_refused() -> None:
    ec_key = generate_private_key(SECP256R1())
    ed_key = Ed25519PrivateKey.generate()
    password = BestAvailableEncryption(b"secret")
    for pem in (
        b"",
        b"not pem",
        ec_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ed_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password),
        ed_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    ):
        with pytest.raises(NoteError):
            Signer.from_pem("a", pem)


def test_a_secret_does_not_show() -> None:
    signer = Signer.parse(PETER_SKEY)
    assert "AYEKFALV" not in repr(signer)
    assert "private" not in repr(signer)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_public_keys_are_32_bytes(length: int) -> None:
    with pytest.raises(NoteError):
        Verifier("a", bytes(length))
