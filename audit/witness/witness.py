"""A witness: cosigns a log's checkpoint if it continues the last one it cosigned (C2SP tlog-witness).

It writes no ledger event. If it did, two installations that witness each other would keep each other
busy for ever: each cosignature an event, each event a checkpoint, each checkpoint to be cosigned.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import Cosigner
from audit.proofs.errors import NoteError, ProofError
from audit.proofs.keys import Verifier
from audit.proofs.merkle import EMPTY_ROOT, verify_consistency
from audit.witness.memory import Memory, Recollection
from audit.witness.message import AddCheckpoint, text_of

log = structlog.get_logger(__name__)

SIZE_TYPE = "text/x.tlog.size"


class Refused(Exception):
    """`status` is the HTTP status that the specification gives for it; `body` goes with it."""

    def __init__(self, status: int, body: str, content_type: str = "text/plain") -> None:
        super().__init__(body.strip())
        self.status = status
        self.body = body if body.endswith("\n") else f"{body}\n"
        self.content_type = content_type


@dataclass(frozen=True, slots=True)
class Witness:
    """`logs` are the keys that each known origin may sign with."""

    cosigner: Cosigner
    logs: Mapping[str, Sequence[Verifier]]
    memory: Memory
    clock: Callable[[], float] = time.time

    def add_checkpoint(self, body: bytes) -> str:
        """The cosignature's line, once the checkpoint is on disk as the latest of its log.

        Raises `Refused`, and `MemoryUnavailable` where the record is out of reach.
        """
        request, checkpoint = self._authenticated(body)
        if request.old_size > checkpoint.size:
            raise Refused(400, "the old size is larger than the checkpoint")
        with self.memory.of(checkpoint.origin) as recollection:
            latest = recollection.latest()
            size, root = (latest.size, latest.root) if latest else (0, EMPTY_ROOT)
            if request.old_size != size:
                raise Refused(409, f"{size}\n", SIZE_TYPE)
            if checkpoint.size == size and checkpoint.root != root:
                raise self._fork(checkpoint, recollection, body)
            self._check_continues(request, checkpoint, root)
            if checkpoint != latest:
                recollection.remember(request.note)
            signature = self.cosigner.cosign(checkpoint, at=int(self.clock()))
        return f"{signature.line}\n"

    def _authenticated(self, body: bytes) -> tuple[AddCheckpoint, Checkpoint]:
        """What is asked, and the checkpoint, known to be signed by its log."""
        try:
            request = AddCheckpoint.parse(body)
            origin = Checkpoint.parse(text_of(request.note)).origin
        except ProofError as error:
            raise Refused(400, str(error)) from error
        if origin not in self.logs:
            raise Refused(404, "this witness does not know that log")
        try:
            return request, Checkpoint.open(request.note, self.logs[origin], origin=origin)
        except NoteError as error:
            raise Refused(403, "the log's key did not sign this checkpoint") from error

    def _fork(self, checkpoint: Checkpoint, recollection: Recollection, body: bytes) -> Refused:
        """The log signed two trees of one size. With the record, what it sent proves that."""
        log.critical("witness_log_forked", origin=checkpoint.origin, size=checkpoint.size)
        recollection.keep_fork(body)
        return Refused(409, "this witness has cosigned another root for that size")

    def _check_continues(self, request: AddCheckpoint, checkpoint: Checkpoint, root: bytes) -> None:
        try:
            verify_consistency(
                old_size=request.old_size,
                old_root=root,
                new_size=checkpoint.size,
                new_root=checkpoint.root,
                proof=request.proof,
            )
        except ProofError as error:
            # Anybody can send a log's checkpoint with a wrong proof: it need not be the log's doing.
            log.warning(
                "witness_proof_refused",
                origin=checkpoint.origin,
                known_size=request.old_size,
                size=checkpoint.size,
                root=checkpoint.root.hex(),
            )
            raise Refused(422, f"the consistency proof does not hold: {error}") from error
