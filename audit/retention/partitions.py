"""The partitions of the record, and which of them have had their time. Reads only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Max, Min

from audit.ledger.tree import latest_checkpoint
from audit.models import Event

BATCH = 2000
_BOUNDS = re.compile(r"FROM \('(\d+)'\) TO \('(\d+)'\)")


@dataclass(frozen=True, slots=True)
class Partition:
    """The events `[first, end)`."""

    name: str
    first: int
    end: int


def partitions() -> list[Partition]:
    """Those that are there, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c"
            " ON c.oid = i.inhrelid WHERE i.inhparent = 'audit_event'::regclass"
        )
        rows = cursor.fetchall()
    found = [
        Partition(name, int(bounds[1]), int(bounds[2]))
        for name, text in rows
        if (bounds := _BOUNDS.search(text))
    ]
    return sorted(found, key=lambda partition: partition.first)


def not_due(partition: Partition, limit: datetime) -> str:
    """Why a partition stays where it is; empty where all of it is older than `limit`, in the log, and
    under a signed checkpoint."""
    checkpoint = latest_checkpoint()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT last_value FROM audit_event_id_seq), max(e.at), count(*), count(l.index),"
            " max(l.index) FROM audit_event e LEFT JOIN audit_leaf l ON l.event_id = e.id"
            " WHERE e.id >= %s AND e.id < %s",
            [partition.first, partition.end],
        )
        drawn, newest, events, placed, last = cursor.fetchone()
    if drawn < partition.end:
        return "it is not full yet"
    if not events:
        return "it holds no events"
    if newest >= limit:
        return f"its newest event is of {newest:%Y-%m-%d}"
    if placed < events:
        return "it holds events that have no place in the log yet"
    if checkpoint is None or last >= checkpoint.size:
        return "no signed checkpoint covers all of it yet"
    return ""


def places(partition: Partition) -> Iterator[tuple[int, int]]:
    """(index in the log, number) of each event, by index."""
    for index, number, _ in _rows(partition, "''::bytea"):
        yield index, number


def entries(partition: Partition) -> Iterator[bytes]:
    """In the same order."""
    for _, _, entry in _rows(partition, "e.entry"):
        yield bytes(entry)


def _rows(partition: Partition, column: str) -> Iterator[tuple[int, int, bytes]]:
    query = (
        f"SELECT l.index, e.id, {column} FROM audit_event e JOIN audit_leaf l ON l.event_id = e.id"  # noqa: S608 - one of two columns
        " WHERE e.id >= %s AND e.id < %s AND l.index > %s ORDER BY l.index LIMIT %s"
    )
    after = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, [partition.first, partition.end, after, BATCH])
            rows = cursor.fetchall()
        if not rows:
            return
        yield from rows
        after = rows[-1][0]


def changes(partition: Partition) -> Iterator[tuple[int, str]]:
    """The lists of those events that changed more than 64 rows."""
    after = partition.first - 1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT event_id, changes FROM audit_event_changes WHERE event_id > %s"
                " AND event_id < %s ORDER BY event_id LIMIT 100",
                [after, partition.end],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield from rows
        after = rows[-1][0]


def count(partition: Partition) -> int:
    return Event.objects.filter(pk__gte=partition.first, pk__lt=partition.end).count()


def span(partition: Partition) -> tuple[int, int]:
    """The first and the last number that is in it."""
    numbers = Event.objects.filter(pk__gte=partition.first, pk__lt=partition.end)
    ends = numbers.aggregate(first=Min("pk"), last=Max("pk"))
    return ends["first"], ends["last"]
