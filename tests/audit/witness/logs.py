"""Logs for witnesses to watch, honest and lying."""

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.keys import Signer, generate_signer
from audit.proofs.merkle import EMPTY_ROOT
from audit.witness.message import add_checkpoint
from tests.audit.proofs.rfc6962 import ReferenceTree


class Log:
    """Any number of entries. `fork` is the same log, by its key, with another past after `kept`."""

    def __init__(self, origin: str, *, signer: Signer | None = None, entries: int = 40) -> None:
        self.signer = signer or generate_signer(origin)
        self.tree = ReferenceTree([b"%d" % number for number in range(entries)])

    @property
    def origin(self) -> str:
        return self.signer.name

    def fork(self, kept: int) -> "Log":
        other = Log(self.origin, signer=self.signer)
        other.tree = ReferenceTree(
            [*self.tree.entries[:kept], *(b"other %d" % number for number in range(40 - kept))]
        )
        return other

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, self.tree.mth(0, size) if size else EMPTY_ROOT)

    def note(self, size: int) -> str:
        return self.checkpoint(size).sign([self.signer])

    def proof(self, old: int, size: int) -> list[bytes]:
        return self.tree.proof(old, size) if 0 < old < size else []

    def request(self, old: int, size: int) -> bytes:
        return add_checkpoint(old, self.proof(old, size), self.note(size))
