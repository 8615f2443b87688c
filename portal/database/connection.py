"""A connection that gives up on a server which does not answer, and counts attempts to connect.

`statement_timeout` is the server's own; a frozen server keeps no promise. So where a deadline is
set, each exchange with it is bounded here as well, and the connection is closed after that.
"""

from math import inf
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

from portal.lib.resilience import deadline

RV = TypeVar("RV")
# By which the server may miss its own timeout.
GRACE = 2.0


class Connection(psycopg.Connection[Any]):
    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        left = deadline.remaining()
        if left == inf or timeout is not None:
            return super().wait(gen, interval, timeout)
        limit = min(deadline.QUERY, max(left, 0.0)) + GRACE
        try:
            return super().wait(gen, interval, limit)
        except errors._WaitTimeout:
            # What the server makes of it now is not known; nobody waits for that.
            self.close()
            msg = f"the server has not answered within {limit:g} s"
            raise psycopg.OperationalError(msg) from None
