"""Which of some events a signed checkpoint covers, waiting a moment for those that it does not yet."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from audit.ledger import keys
from audit.ledger.tree import latest_checkpoint
from audit.models import Checkpoint, Leaf
from audit.proofs import checkpoint as c2sp
from audit.proofs.errors import ProofError
from portal.lib.errors import AuditUnavailable, Conflict

BATCH = 1000
POLL = 0.1


@dataclass(frozen=True, slots=True)
class Coverage:
    """`places` are the indexes of the events that the checkpoint covers, `pending` the other ones."""

    note: str
    checkpoint: c2sp.Checkpoint
    places: dict[int, int]
    pending: tuple[int, ...]


def cover(events: Iterable[int], *, patience: float) -> Coverage:
    """Waits at most `patience` seconds.

    Raises `Conflict` where nothing was ever signed, `AuditUnavailable` where the signature is not by
    the log's key.
    """
    deadline = time.monotonic() + patience
    waiting = set(events)
    places: dict[int, int] = {}
    while True:
        # Read before the places: what it covers of them only grows in between.
        stored = latest_checkpoint()
        if stored is not None:
            places.update(_places(waiting, stored.size))
            waiting -= places.keys()
        if not waiting or time.monotonic() >= deadline:
            break
        time.sleep(POLL)
    if stored is None:
        raise Conflict("No checkpoint has been signed yet.", retry_after=2)
    return Coverage(stored.note, _opened(stored), places, tuple(sorted(waiting)))


def _places(events: set[int], size: int) -> Iterator[tuple[int, int]]:
    for batch in batches(sorted(events), BATCH):
        leaves = Leaf.objects.filter(event_id__in=batch, index__lt=size)
        yield from leaves.values_list("event_id", "index")


def _opened(stored: Checkpoint) -> c2sp.Checkpoint:
    verifiers = keys.verifiers()
    try:
        return c2sp.Checkpoint.open(
            stored.note, verifiers, origin=verifiers[0].name if verifiers else ""
        )
    except ProofError as error:
        message = "The latest checkpoint is not signed by the log's key, so nothing can be proven."
        raise AuditUnavailable(message) from error


def batches(events: Iterable[int], size: int) -> Iterator[list[int]]:
    iterator = iter(events)
    while batch := list(islice(iterator, size)):
        yield batch
