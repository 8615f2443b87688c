"""Proofs of our own log for witnesses, and for who kept an older checkpoint."""

from audit.ledger.tree import fetch_tile
from audit.proofs.merkle import consistency_proof
from audit.proofs.tiles import TileReader
from audit.witness.client import Proof


def consistency_to(size: int) -> Proof:
    """Proofs that the log's first `size` entries continue its first `old`; `size` is sequenced."""
    reader = TileReader(fetch_tile, size)
    return lambda old: consistency_proof(old, size, reader.node)
