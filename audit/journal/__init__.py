"""Dual logging: what is meant is on this machine's disk before it is done, what came of it after.

    intent = journal.intent(actor=…, action=…, target=…, verdict=…, policy=…, trace_id=…, event_id=…)
    …                                                    # one transaction
    intent.committed(event_id=…, leaf_hash=…)            # or intent.rolled_back(error)

Fails closed: `intent` raises `JournalUnavailable`, and then nothing may be done. After a crash
`reconcile` finds what was meant and not done, and what was done without being meant.
"""

from audit.journal.errors import Damage, Harm, JournalUnavailable
from audit.journal.intent import Intent
from audit.journal.process import (
    close,
    directory,
    intent,
    note,
    on_space,
    preflight,
    refused,
    seals_pending,
    writer,
)
from audit.journal.seal import Seal

__all__ = [
    "Damage",
    "Harm",
    "Intent",
    "JournalUnavailable",
    "Seal",
    "close",
    "directory",
    "intent",
    "note",
    "on_space",
    "preflight",
    "refused",
    "seals_pending",
    "writer",
]
