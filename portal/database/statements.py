"""Carries the deadline into `statement_timeout`, where less is left than the role's own 10 s."""

from collections.abc import Callable
from typing import Any

from psycopg import Connection
from psycopg.pq import TransactionStatus

from portal.lib.resilience import deadline

_LIMIT = "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"
_SET = "SELECT set_config('statement_timeout', %s, false)"

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def within_deadline(
    execute: Execute,
    sql: str,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's signature
    context: dict[str, Any],
) -> Any:
    """An execute wrapper of Django's. Until the last seconds of a deadline it costs a comparison.

    Raises `DeadlineExceeded` where nothing is left.
    """
    left = deadline.remaining()
    if left >= deadline.QUERY or _is_ending(sql):
        return execute(sql, params, many, context)
    connection: Connection[Any] = context["connection"].connection
    as_djangos = context["connection"].wrap_database_errors
    milliseconds = max(1, int(deadline.bounded(left) * 1000))
    with as_djangos:
        before = _milliseconds(connection)
        if before > milliseconds or before == 0:
            connection.execute(_SET, [str(milliseconds)])
    try:
        return execute(sql, params, many, context)
    finally:
        # A transaction that failed undoes it by itself, and takes no more commands till then.
        if not connection.closed and _status(connection) is not TransactionStatus.INERROR:
            with as_djangos:
                connection.execute(_SET, [str(before)])


def _is_ending(sql: str) -> bool:
    """What gives up work is never refused, and works in a failed transaction only without company."""
    return str(sql).lstrip()[:9].upper().startswith(("ROLLBACK", "RELEASE", "SAVEPOINT"))


def _milliseconds(connection: Connection[Any]) -> int:
    if _status(connection) is TransactionStatus.INERROR:
        return 1  # whatever comes now is refused by the database anyway
    row = connection.execute(_LIMIT).fetchone()
    return int(row[0]) if row else 0


def _status(connection: Connection[Any]) -> TransactionStatus:
    return TransactionStatus(connection.info.transaction_status)
