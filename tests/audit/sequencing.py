"""The sequencer's work, done at once: events take their place in the log and can be searched."""

from audit.ledger.sequencer import sequence_pending
from audit.search.fill import fill
from tests.database import as_role


def sequenced() -> None:
    with as_role("vigil_ledger"):
        while sequence_pending():
            continue
        while fill():
            continue
