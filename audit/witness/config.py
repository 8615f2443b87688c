"""Who we witness, who witnesses us, and by which keys; all of it from the settings.

A malformed value is an `ImproperlyConfigured` that names the environment variable.
"""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.ledger.keys import load_signer
from audit.proofs.cosignature import CosignatureVerifier, Cosigner
from audit.proofs.errors import ProofError
from audit.proofs.keys import Verifier, generate_signer
from audit.witness.memory import Memory
from audit.witness.witness import Witness


@dataclass(frozen=True, slots=True)
class Peer:
    """A witness that we ask; `url` is its submission prefix, without a slash at the end."""

    url: str
    verifier: CosignatureVerifier


def peers() -> tuple[Peer, ...]:
    """Of `VIGIL_WITNESSES`, a list of `url vkey`."""
    return _peers(tuple(getattr(settings, "WITNESSES", ())))


def quorum() -> int:
    """How many of them a checkpoint needs to be called witnessed, `VIGIL_WITNESS_QUORUM`."""
    needed = int(getattr(settings, "WITNESS_QUORUM", 0))
    if not 0 <= needed <= len(peers()):
        msg = f"VIGIL_WITNESS_QUORUM is {needed}, but VIGIL_WITNESSES has {len(peers())}"
        raise ImproperlyConfigured(msg)
    return needed


def known_logs() -> MappingProxyType[str, tuple[Verifier, ...]]:
    """Of `VIGIL_WITNESS_LOGS`, a list of `origin vkey`; an origin may stand there with several."""
    return _known_logs(tuple(getattr(settings, "WITNESS_LOGS", ())))


def witness() -> Witness | None:
    """This installation's own; None where it knows no log. Makes its key on first use."""
    logs = known_logs()
    return Witness(ensure_key(), logs, Memory(directory())) if logs else None


def key_path() -> Path:
    path: Path = getattr(settings, "WITNESS_KEY", settings.SIGNER_KEY.with_name("witness"))
    return path


def directory() -> Path:
    path: Path = getattr(settings, "WITNESS_DIR", settings.SIGNER_KEY.parent.parent / "witness")
    return path


def ensure_key() -> Cosigner:
    """The witness's key, never that of the log: read from its file, or made there with
    `VIGIL_WITNESS_NAME`. The public half goes beside it, in `<name>.pub`."""
    path = key_path()
    try:
        cosigner = Cosigner(load_signer(path))
    except FileNotFoundError:
        default = f"{urlsplit(settings.ORIGIN).netloc}/witness"
        made = generate_signer(getattr(settings, "WITNESS_NAME", "") or default)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _publish(path, f"{made.skey}\n")
        # Somebody else may have been quicker: what counts is what the file says.
        cosigner = Cosigner(load_signer(path))
        path.with_suffix(".pub").write_text(f"{cosigner.verifier.vkey}\n")
    return cosigner


def _publish(path: Path, text: str) -> None:
    """Writes a file that only its owner reads, complete from the moment that it has its name, and
    leaves alone one that is there."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return


@lru_cache(maxsize=8)
def _peers(items: tuple[str, ...]) -> tuple[Peer, ...]:
    found = []
    for item in items:
        url, _, vkey = item.strip().rpartition(" ")
        try:
            parts = urlsplit(url.strip())
            verifier = CosignatureVerifier.parse(vkey)
            is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError as error:
            raise _malformed("VIGIL_WITNESSES", "url vkey", item) from error
        if not is_url or parts.query or parts.fragment or parts.username:
            raise _malformed("VIGIL_WITNESSES", "url vkey", item)
        found.append(Peer(url.strip().rstrip("/"), verifier))
    _refuse_twins("VIGIL_WITNESSES", (peer.verifier for peer in found))
    return tuple(found)


@lru_cache(maxsize=8)
def _known_logs(items: tuple[str, ...]) -> MappingProxyType[str, tuple[Verifier, ...]]:
    logs: dict[str, tuple[Verifier, ...]] = {}
    for item in items:
        origin, _, vkey = item.strip().rpartition(" ")
        try:
            verifier = Verifier.parse(vkey)
        except ProofError as error:
            raise _malformed("VIGIL_WITNESS_LOGS", "origin vkey", item) from error
        if not origin.strip():
            raise _malformed("VIGIL_WITNESS_LOGS", "origin vkey", item)
        logs[origin.strip()] = (*logs.get(origin.strip(), ()), verifier)
    for verifiers in logs.values():
        _refuse_twins("VIGIL_WITNESS_LOGS", verifiers)
    return MappingProxyType(logs)


def _refuse_twins(variable: str, verifiers: Iterable[Verifier]) -> None:
    """One key under two names would count twice."""
    keys = [verifier.public_key for verifier in verifiers]
    if len(set(keys)) != len(keys):
        msg = f"{variable} has one public key twice"
        raise ImproperlyConfigured(msg)


def _malformed(variable: str, form: str, item: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{variable} is a list of `{form}`, which {item!r} is not")
