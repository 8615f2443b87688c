"""The largest trees that somebody here has seen signed, none of which may be lost by failing over."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.ledger import keys, tree
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.proofs.merkle import Frontier


@dataclass(frozen=True, slots=True)
class Known:
    """A signed tree, and where that is known from."""

    size: int
    root: bytes
    source: str


def path() -> Path:
    return settings.VAR.var / "checkpoint"


def keep() -> None:
    """Puts the newest checkpoint into a file of this machine. Raises `DatabaseError`, `OSError`."""
    newest = tree.latest_checkpoint()
    if newest is None or (path().exists() and path().read_text() == newest.note):
        return
    unfinished = path().with_suffix(f".{os.getpid()}")
    unfinished.write_text(newest.note)
    unfinished.replace(path())


def known(given: Path | None = None) -> Iterator[Known]:
    """What this machine kept, what its signer remembers where it is here, and what was given.

    Raises `ProofError` for a file that is no checkpoint of this log, `OSError` for one that cannot
    be read.
    """
    places = [path()] if path().exists() else []
    for place in [*places, given] if given else places:
        verifiers = keys.verifiers()
        if not verifiers:
            raise ProofError("there is no key to check a checkpoint with")
        signed = Checkpoint.open(place.read_bytes(), verifiers, origin=verifiers[0].name)
        yield Known(signed.size, signed.root, str(place))
    state = settings.SIGNER_KEY.with_suffix(".state")
    if state.exists():
        raw = json.loads(state.read_text())
        nodes = tuple(bytes.fromhex(node) for node in raw["frontier"])
        yield Known(raw["size"], Frontier(raw["size"], nodes).root(), str(state))
