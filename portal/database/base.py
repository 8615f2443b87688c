"""The `ENGINE` of Django's settings: PostgreSQL behind a breaker of this process's own.

After 5 connections in a row that failed, the database is left alone: whoever needs it gets 503
`DB_UNAVAILABLE` at once. One connection is tried every 30 s, and the first that works closes the
breaker. It depends on nothing but this process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg_pool import ConnectionPool, PoolTimeout

from portal.database.away import away
from portal.database.connection import Connection
from portal.database.statements import within_deadline
from portal.lib.errors import CircuitOpen
from portal.lib.resilience import deadline, latency
from portal.lib.resilience.breaker import OPEN, Circuit, circuit
from portal.lib.resilience.clock import monotonic

# After this it is worth finding out whether the pool is busy, or the server gone.
SOON = 1.0
_DRIVER = {**vars(psycopg), "connect": Connection.connect}


class DatabaseWrapper(base.DatabaseWrapper):
    # The driver as Django asks for it, with our connections.
    Database = cast("ModuleType", SimpleNamespace(**_DRIVER))
    _connection_pools: dict[str, ConnectionPool[Connection]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(within_deadline)

    @property
    def dependency(self) -> str:
        return "replica" if self.alias == "replica" else "database"

    @property
    def pool(self) -> ConnectionPool[Connection] | None:
        options = self.settings_dict["OPTIONS"].get("pool")
        if isinstance(options, dict):
            options.setdefault("connection_class", Connection)
        return super().pool  # type: ignore[no-any-return] # Django's stubs know no pool

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        breaker = circuit(self.dependency)
        assert breaker is not None  # noqa: S101 - the table has one for both
        with self._guarded(breaker) as is_probe:
            pool = self.pool
            if pool is None:
                return super().get_new_connection(conn_params)
            if is_probe:
                # One attempt, where a pool would make several.
                Connection.connect(**conn_params).close()
            self.isolation_level = IsolationLevel.READ_COMMITTED
            return _from_pool(pool, conn_params)

    @contextmanager
    def _guarded(self, breaker: Circuit) -> Iterator[bool]:
        begun = monotonic()
        try:
            is_probe = breaker.admit()
        except CircuitOpen as refused:
            latency.record(breaker.policy, "refused", 0.0)
            raise psycopg.OperationalError(refused.message) from refused
        failure = ""
        try:
            yield is_probe
        except PoolTimeout:
            # All of the pool's are in use; the database has just answered, see `_from_pool`.
            raise
        except psycopg.OperationalError as error:
            failure = str(error).strip() or type(error).__name__
            raise
        finally:
            outcome = "failed" if failure else "answered"
            latency.record(breaker.policy, outcome, monotonic() - begun)
            breaker.report(is_probe=is_probe, failure=failure)
            if self.dependency == "database":
                if failure:
                    away.failed(is_open=breaker.state == OPEN)
                else:
                    away.answered()
            if failure and breaker.state == OPEN:
                self._drop_pool()

    def _drop_pool(self) -> None:
        """A pool would go on trying by a schedule of its own, and be late for the probe."""
        pool = self._connection_pools.pop(self.alias, None)
        if pool is not None:
            pool.close(timeout=0)


def _from_pool(pool: ConnectionPool[Connection], conn_params: dict[str, Any]) -> Connection:
    """Raises `PoolTimeout` only where the server is there: that opens no breaker."""
    pool.open()
    try:
        # Also the check of a pooled connection ends soon, where its server is frozen.
        with deadline.within(SOON):
            return pool.getconn(timeout=SOON)
    except PoolTimeout:
        Connection.connect(**conn_params).close()
        return pool.getconn()
