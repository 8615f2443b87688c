import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from audit.ledger.leading import lead
from audit.ledger.sequencer import BATCH, sequence_pending

LOCK = 0x5EC0_E4CE
PARTITIONS_EVERY = 600.0


class Command(BaseCommand):
    help = "Gives events their place in the log. Logs in as vigil_ledger."

    def handle(self, *args: Any, **options: Any) -> None:
        lead("sequencer", LOCK, _turns)


def _turns() -> Callable[[], bool]:
    partitions_due = 0.0

    def turn() -> bool:
        nonlocal partitions_due
        if time.monotonic() >= partitions_due:
            with connection.cursor() as cursor:
                cursor.execute("SELECT audit_ensure_partitions()")
            partitions_due = time.monotonic() + PARTITIONS_EVERY
        return sequence_pending() == BATCH

    return turn
