import time
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from audit.ledger.keys import ensure_signer_key
from audit.ledger.sequencer import BATCH, sequence_pending
from audit.ledger.signer import LedgerBroken, LedgerSigner
from audit.search.fill import BATCH as SEARCH_BATCH
from audit.search.fill import fill

log = structlog.get_logger(__name__)

LEADER_LOCK = 0x5EC0_E4CE
IDLE = 0.05
AFTER_FAILURE = 1.0
PARTITIONS_EVERY = 600.0


class Command(BaseCommand):
    unsearchable = ""
    help = "Sequences and signs the ledger. One leads; others started beside it wait to take over."

    def handle(self, *args: Any, **options: Any) -> None:
        signer = LedgerSigner(
            ensure_signer_key(settings.SIGNER_KEY), settings.SIGNER_KEY.with_suffix(".state")
        )
        while True:
            try:
                self._lead(signer)
            except (InterfaceError, OperationalError) as error:
                log.warning("sequencer_waits", error=str(error).strip())
                connection.close()
                time.sleep(AFTER_FAILURE)

    def _lead(self, signer: LedgerSigner) -> None:
        with connection.cursor() as cursor:
            # Held by the connection, so it is free again the moment that the leader is gone.
            cursor.execute("SET statement_timeout = 0; SELECT pg_advisory_lock(%s)", [LEADER_LOCK])
        partitions_due = 0.0
        broken = ""
        while True:
            if time.monotonic() >= partitions_due:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT audit_ensure_partitions()")
                    cursor.execute("SELECT audit_ensure_search_partitions()")
                partitions_due = time.monotonic() + PARTITIONS_EVERY
            sequenced = sequence_pending()
            broken = self._sign(signer, broken)
            searchable = self._make_searchable()
            if sequenced < BATCH and searchable < SEARCH_BATCH:
                time.sleep(IDLE)

    def _make_searchable(self) -> int:
        """Fails open: a record that cannot be searched is still a record."""
        try:
            return fill()
        except OperationalError:
            raise
        except DatabaseError as error:
            if str(error) != self.unsearchable:
                log.warning("search_not_filled", error=str(error).strip())
            self.unsearchable = str(error)
            return 0

    def _sign(self, signer: LedgerSigner, already: str) -> str:
        """Signs, and returns what keeps it from signing; said once, not twenty times a second."""
        try:
            signer.sign()
        except LedgerBroken as error:
            if str(error) != already:
                log.critical("ledger_broken", reason=str(error))
            return str(error)
        return ""
