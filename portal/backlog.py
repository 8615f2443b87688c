"""What waits for too long, though everybody beats: alerts for the worker, events for a signed checkpoint.

The watchdog asks for it along with its probe of the database, so that on-call learns of it without
Prometheus. While the database is away the last word stands.
"""

from typing import Any

import psycopg
from django.conf import settings

from audit.ledger.lag import OLDEST_UNSIGNED
from portal.watchdog import Finding, State

# The standard alerts above a hundred that wait; one alone may not wait for a minute either.
MOST_WAITING, LONGEST_WAIT = 100, 60.0
_WAITING = f"""
SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - received_at)), 0)::float,
       coalesce(({OLDEST_UNSIGNED}), 0)
FROM incidents_alertreceipt WHERE fate = 'pending'
"""  # noqa: S608 - made of constants


class Backlog:
    def __init__(self) -> None:
        self._receipts, self._oldest, self._unsigned = 0, 0.0, 0.0

    def ask(self, connection: psycopg.Connection[Any]) -> None:
        try:
            row = connection.execute(_WAITING).fetchone()
        except psycopg.errors.UndefinedTable:
            return  # it comes with a migration
        if row is not None:
            self._receipts, self._oldest, self._unsigned = row

    def queue(self) -> Finding:
        if self._receipts <= MOST_WAITING and self._oldest <= LONGEST_WAIT:
            return Finding(State.OK)
        waiting = f"alerts that wait: {self._receipts}, the oldest for {self._oldest:.0f} s"
        return Finding(State.FAILING, waiting)

    def ledger(self) -> Finding:
        """By the limit beyond which nothing more is changed."""
        if self._unsigned <= settings.MAX_CHECKPOINT_LAG:
            return Finding(State.OK)
        waited = f"the oldest event has waited {self._unsigned:.0f} s for a signed checkpoint"
        return Finding(State.FAILING, f"{waited}: nothing is changed")
