from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured

from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import Signer, generate_signer
from audit.witness import config
from audit.witness.quorum import witnessed
from tests.audit.witness.logs import Log


def fixed(name: str) -> Signer:
    """Always the same key, since parallel workers have to agree on the names of the tests."""
    return Signer(name, Ed25519PrivateKey.from_private_bytes(name.ljust(32).encode()))


LOG = fixed("log.example").verifier
WITNESS, OTHER = Cosigner(fixed("w1")), Cosigner(fixed("w2"))
VKEY = WITNESS.verifier.vkey


def test_witnesses_and_logs_are_read_from_lists(settings: Any) -> None:
    settings.WITNESSES = [f"https://w1.example/witness/ {VKEY}"]
    settings.WITNESS_LOGS = [f"a log with spaces {LOG.vkey}", f"log.example {LOG.vkey}"]
    assert config.peers() == (config.Peer("https://w1.example/witness", WITNESS.verifier),)
    assert dict(config.known_logs()) == {"a log with spaces": (LOG,), "log.example": (LOG,)}


def test_a_log_may_have_several_keys(settings: Any) -> None:
    keys = [generate_signer("log.example").verifier for _ in range(2)]
    settings.WITNESS_LOGS = [f"log.example {key.vkey}" for key in keys]
    assert config.known_logs()["log.example"] == tuple(keys)


def test_without_settings_there_is_nobody(settings: Any) -> None:
    for name in ("WITNESSES", "WITNESS_LOGS", "WITNESS_QUORUM"):
        if hasattr(settings, name):
            delattr(settings, name)
    assert (config.peers(), dict(config.known_logs()), config.quorum()) == ((), {}, 0)
    assert config.witness() is None


@pytest.mark.parametrize(
    "item",
    [
        "",
        "https://w1.example",
        VKEY,
        f"ftp://w1.example {VKEY}",
        f"https:// {VKEY}",
        f"https://w1.example:port {VKEY}",
        f"https://user@w1.example {VKEY}",
        f"https://w1.example/?a=1 {VKEY}",
        f"https://w1.example {VKEY[:-1]}",
        f"https://w1.example {LOG.vkey}",
    ],
    # The keys are made anew, and workers must agree on names.
    ids=[str(number) for number in range(10)],
)
def test_a_malformed_witness_is_named(settings: Any, item: str) -> None:
    settings.WITNESSES = [item]
    with pytest.raises(ImproperlyConfigured, match="VIGIL_WITNESSES"):
        config.peers()


@pytest.mark.parametrize(
    "item",
    ["", LOG.vkey, "log.example", f"log.example {VKEY}"],
    ids=["nothing", "key", "name", "kind"],
)
def test_a_malformed_log_is_named(settings: Any, item: str) -> None:
    settings.WITNESS_LOGS = [item]
    with pytest.raises(ImproperlyConfigured, match="VIGIL_WITNESS_LOGS"):
        config.known_logs()


def test_one_key_does_not_count_as_two_witnesses(settings: Any) -> None:
    again = Cosigner(Signer("renamed", WITNESS.signer.private_key))
    settings.WITNESSES = [f"https://w1.example {VKEY}", f"https://w2.example {again.verifier.vkey}"]
    with pytest.raises(ImproperlyConfigured, match="twice"):
        config.peers()


@pytest.mark.parametrize(("needed", "is_met"), [(0, True), (1, True), (2, False)])
def test_a_quorum_of_witnesses(settings: Any, needed: int, is_met: bool) -> None:
    settings.WITNESSES = [
        f"https://{w.signer.name}.example {w.verifier.vkey}" for w in (WITNESS, OTHER)
    ]
    settings.WITNESS_QUORUM = needed
    log = Log("log.example")
    stranger = Cosigner(generate_signer("stranger"))
    lines = [w.cosign(log.checkpoint(3), at=1).line for w in (WITNESS, WITNESS, stranger)]
    found = witnessed(log.note(3) + "".join(f"{line}\n" for line in lines))
    assert (found.by, found.needed, found.is_met) == (("w1",), needed, is_met)


@pytest.mark.parametrize("needed", [-1, 1])
def test_a_quorum_that_cannot_be_reached_is_named(settings: Any, needed: int) -> None:
    settings.WITNESSES = []
    settings.WITNESS_QUORUM = needed
    with pytest.raises(ImproperlyConfigured, match="VIGIL_WITNESS_QUORUM"):
        config.quorum()
