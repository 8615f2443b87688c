"""Whether a checkpoint is witnessed: reported, and never a reason not to sign."""

from dataclasses import dataclass

from audit.proofs.cosignature import cosignatures
from audit.witness import config


@dataclass(frozen=True, slots=True)
class Witnessed:
    """`by` names the configured witnesses that cosigned; `needed` is the quorum, 0 where none is
    asked for."""

    by: tuple[str, ...]
    needed: int

    @property
    def is_met(self) -> bool:
        return len(self.by) >= self.needed


def witnessed(note: str) -> Witnessed:
    """Raises a `ProofError` where the note is malformed or a cosignature in it is wrong."""
    found = cosignatures(note, [peer.verifier for peer in config.peers()])
    return Witnessed(tuple(c.verifier.name for c in found), config.quorum())
