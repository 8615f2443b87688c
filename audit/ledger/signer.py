"""Signs checkpoints of what it has read itself. Fails closed: in doubt it signs nothing.

It keeps, beside its key, the tree that it signed last. From there it reads the entries that came
since, hashes them itself, and signs only where that leads to the same root as the sequencer's. So it
never signs a smaller tree (a restored backup) or another past.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from django.utils import timezone

from audit.ledger.kinds import Kind
from audit.models import Checkpoint, Head
from audit.proofs import checkpoint as c2sp
from audit.proofs.keys import Signer
from audit.proofs.merkle import Frontier, leaf_hash
from audit.witness.client import cosign
from audit.witness.ledger import consistency_to

BATCH = 2000


class LedgerBroken(Exception):
    """The log is not a continuation of what was signed before."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail


@dataclass(frozen=True, slots=True)
class LedgerSigner:
    signer: Signer
    state_path: Path

    def sign(self) -> Checkpoint | None:
        """The new checkpoint, or None where nothing came since the last. Raises `LedgerBroken`."""
        signed = self._load()
        head = Head.objects.get()
        if head.size < signed.size:
            msg = f"the log has {head.size} entries; {signed.size} were signed before"
            raise LedgerBroken(Kind.LOG_ROLLED_BACK, msg)
        if head.size == 0:
            return None
        frontier = signed.extend(_leaves(signed.size, head.size))
        theirs = Frontier(head.size, tuple(bytes(node) for node in head.frontier))
        if frontier != theirs:
            msg = f"the entries do not lead to the sequencer's root at size {head.size}"
            raise LedgerBroken(Kind.HISTORY_REWRITTEN, msg)
        if Checkpoint.objects.filter(size=head.size).exists():
            if frontier != signed:  # Its memory was lost, or the signature came from elsewhere.
                self._store(frontier)
            return None
        root = frontier.root()
        note = c2sp.Checkpoint(self.signer.name, frontier.size, root).sign([self.signer])
        # First the memory of having signed, then the signature: never the other way round.
        self._store(frontier)
        note = cosign(note, old_size=signed.size, proof=consistency_to(frontier.size))
        return Checkpoint.objects.create(
            size=frontier.size, root=root, note=note, signed_at=timezone.now()
        )

    def _load(self) -> Frontier:
        try:
            state = json.loads(self.state_path.read_text())
        except FileNotFoundError:
            return Frontier()
        if state["origin"] != self.signer.name:
            msg = f"{self.state_path} is the memory of another log, {state['origin']}"
            raise LedgerBroken(Kind.HISTORY_REWRITTEN, msg)
        return Frontier(state["size"], tuple(bytes.fromhex(node) for node in state["frontier"]))

    def _store(self, frontier: Frontier) -> None:
        state = {
            "origin": self.signer.name,
            "size": frontier.size,
            "frontier": [node.hex() for node in frontier.hashes],
        }
        unfinished = self.state_path.with_suffix(".new")
        with unfinished.open("w") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.state_path)
        directory = os.open(self.state_path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _leaves(start: int, end: int) -> Iterator[bytes]:
    """The leaf hashes `[start, end)`, computed from the entries."""
    for index, entry in entries(start, end):
        if index != start:
            msg = f"entry {start} is missing"
            raise LedgerBroken(Kind.ENTRY_DELETED, msg)
        start += 1
        yield leaf_hash(entry)
    if start != end:
        msg = f"entry {start} is missing"
        raise LedgerBroken(Kind.ENTRY_DELETED, msg)


def entries(start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The sequenced entries `[start, end)` with their indexes, read in batches."""
    with connection.cursor() as cursor:
        while start < end:
            cursor.execute(
                "SELECT l.index, e.entry FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id"
                " WHERE l.index >= %s AND l.index < %s ORDER BY l.index",
                [start, min(start + BATCH, end)],
            )
            yield from ((index, bytes(entry)) for index, entry in cursor.fetchall())
            start += BATCH
