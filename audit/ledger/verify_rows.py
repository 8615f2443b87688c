"""Holds every governed row against its last digest in the ledger, and names what does not fit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from audit.ledger.verify import Progress, Report

BATCH = 5000


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger says last about a row: its digest in hex, None once deleted."""

    seq: int
    digest: str | None
    event: int


Latest = dict[tuple[str, str], Recorded]


def verify_rows(report: Report, *, progress: Progress) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # One snapshot for rows and record, or a change made meanwhile would look like tampering.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        # The digests were taken in these settings, see audit_capture().
        cursor.execute(
            "SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = 'iso_8601';"
            "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"
        )
        latest = latest_digests(progress)
        report.rows = 0
        cursor.execute("SELECT table_name, pk_column, ungoverned FROM audit_governed ORDER BY 1")
        for table, pk, ungoverned in cursor.fetchall():
            for row_pk, digest in _rows(table, pk, ungoverned):
                report.rows += 1
                _compare(report, table, row_pk, digest, latest.pop((table, row_pk), None))
        for (table, row_pk), recorded in latest.items():
            if recorded.digest is not None:
                report.add(
                    "row deleted", f"{table} {row_pk} is gone; event {recorded.event} wrote it last"
                )


def _compare(
    report: Report, table: str, row_pk: str, digest: str, recorded: Recorded | None
) -> None:
    if recorded is None:
        report.add("row inserted", f"{table} {row_pk} is there, and no event wrote it")
    elif recorded.digest is None:
        report.add(
            "row inserted", f"{table} {row_pk} is there, and event {recorded.event} deleted it"
        )
    elif recorded.digest != digest:
        report.add("row changed", f"{table} {row_pk} is not what event {recorded.event} wrote")


def latest_digests(progress: Progress) -> Latest:
    """By the numbers that changes drew while their rows were locked: events may be numbered in
    another order than that in which they came to a row."""
    latest: Latest = {}
    for event, changes in _changes(progress):
        for change in changes:
            row = change["table"], change["pk"]
            if row not in latest or latest[row].seq < change["seq"]:
                latest[row] = Recorded(change["seq"], change["sha256"], event)
    return latest


def _changes(progress: Progress) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM audit_event")
        (last,) = cursor.fetchone()
        after = 0
        while after < last:
            cursor.execute(
                "SELECT e.id, e.entry, c.changes FROM audit_event e LEFT JOIN audit_event_changes c"
                " ON c.event_id = e.id WHERE e.id > %s ORDER BY e.id LIMIT %s",
                [after, BATCH],
            )
            for after, entry, listed in cursor.fetchall():
                yield after, json.loads(listed) if listed else json.loads(bytes(entry))["changes"]
            progress(after, last)


def _rows(table: str, pk: str, ungoverned: list[str]) -> Iterator[tuple[str, str]]:
    query = sql.SQL(
        "SELECT t.{pk}::text, encode(audit_row_digest(to_jsonb(t), %s::text[]), 'hex') FROM {table} t"
    ).format(pk=sql.Identifier(pk), table=sql.Identifier(table))
    with connection.connection.cursor(name="verify_rows") as cursor:
        cursor.itersize = BATCH
        cursor.execute(query, [ungoverned])
        yield from cursor
