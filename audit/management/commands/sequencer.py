import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import DatabaseError, OperationalError, connection

from audit.ledger.leading import lead
from audit.ledger.sequencer import BATCH, sequence_pending
from audit.search.fill import BATCH as SEARCH_BATCH
from audit.search.fill import fill

log = structlog.get_logger(__name__)

LOCK = 0x5EC0_E4CE
PARTITIONS_EVERY = 600.0


class Command(BaseCommand):
    help = (
        "Gives events their place in the log, and makes them searchable. Logs in as vigil_ledger."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        lead("sequencer", LOCK, lambda: Turns().take)


class Turns:
    def __init__(self) -> None:
        self._partitions_due = 0.0
        self._said = ""

    def take(self) -> bool:
        if time.monotonic() >= self._partitions_due:
            with connection.cursor() as cursor:
                cursor.execute("SELECT audit_ensure_partitions(), audit_ensure_search_partitions()")
            self._partitions_due = time.monotonic() + PARTITIONS_EVERY
        sequenced, searchable = sequence_pending(), self._make_searchable()
        return sequenced == BATCH or searchable == SEARCH_BATCH

    def _make_searchable(self) -> int:
        """Fails open: a record that cannot be searched is still a record."""
        try:
            return fill()
        except OperationalError:
            raise
        except DatabaseError as error:
            if str(error) != self._said:
                log.warning("search_not_filled", error=str(error).strip())
            self._said = str(error)
            return 0
