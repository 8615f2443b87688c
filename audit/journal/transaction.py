"""One database transaction with its outcome in the journal.

Says nothing where nobody can know: a connection that broke during COMMIT has not told whether the
transaction was committed. Reconciliation finds out from the ledger.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from audit.journal.intent import Intent


@dataclass(slots=True)
class Entry:
    """The ledger event of the transaction, filled in by whoever appends it."""

    event_id: int = 0
    leaf_hash: bytes = b""


@contextmanager
def transacted(intent: Intent) -> Iterator[Entry]:
    """`transaction.atomic(durable=True)`, whose outcome is written down whatever happens."""
    entry = Entry()
    is_asked_to_commit = False
    try:
        with transaction.atomic(durable=True):
            # Registered first, so that it runs right after COMMIT, before a hook that may fail.
            transaction.on_commit(_saying(intent, entry))
            yield entry
            is_asked_to_commit = True
    except BaseException as error:
        # What fails before COMMIT was sent is rolled back, by the server if need be.
        if not is_asked_to_commit or _is_refusal(error):
            intent.rolled_back(error)
        raise


def _saying(intent: Intent, entry: Entry) -> Callable[[], None]:
    return lambda: intent.committed(event_id=entry.event_id, leaf_hash=entry.leaf_hash)


def _is_refusal(error: BaseException) -> bool:
    """Whether the server itself said no to COMMIT and lives on, as for a deferred constraint. After
    a fatal error (it shuts down, a standby does not answer) it may have committed all the same."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "severity_nonlocalized", None) == "ERROR"
