"""Holds every governed row against its last digest in the ledger, and names what does not fit.

Rows are read by ranges of pages, and meet what the entries say of them in the same part of the spill.
So do the rows of their histories, see `verify_histories`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from audit.ledger.crew import Crew
from audit.ledger.kinds import Kind
from audit.ledger.report import Findings, Progress, Report
from audit.ledger.spill import PartTask, Spill, SpillWriter
from audit.ledger.verify_histories import (
    HISTORIES,
    OWN,
    Histories,
    Steps,
    check_histories,
    pages_of,
)

PAGES = 2048
FETCHED = 2000

# The digest as audit_row_digest() takes it, but not by that function: who edits rows behind the
# triggers can also put another one in its place.
ROWS = """
SELECT t.{pk}::text, sha256(convert_to(jsonb_strip_nulls(to_jsonb(t) - %s::text[])::text, 'UTF8'))
FROM {table} t WHERE t.ctid >= %s::tid
"""
UNTIL = "AND t.ctid < %s::tid"


Row = tuple[str, str]


class Recorded(NamedTuple):
    """What an event says of a row last: no digest where it deleted the row."""

    seq: int
    digest: bytes | None
    event: int


NEVER = Recorded(0, None, 0)


@dataclass(frozen=True, slots=True)
class RowTask:
    """The rows of a table on the pages `[start, end)`; the last range is open. With `history` they are
    that table's, the history of `table`. `without` are the columns that go into no digest."""

    table: str
    pk: str
    without: list[str]
    start: int
    end: int | None
    spill: Spill
    history: str = ""


@dataclass(slots=True)
class Part:
    rows: int = 0
    histories: Histories = field(default_factory=Histories)
    findings: Findings = field(default_factory=Findings)


def verify_rows(
    report: Report,
    crew: Crew,
    *,
    spill: Spill,
    unread: Sequence[tuple[int, int]],
    progress: Progress,
) -> None:
    """Once the entries have told what they say of rows."""
    reads = list(_tasks(crew.opened, spill))
    for done, _rows in enumerate(crew.map(read_rows, reads), start=1):
        progress("rows", done, len(reads))
    parts = [PartTask(spill, part, tuple(unread)) for part in range(spill.parts)]
    report.rows = report.histories = 0
    for done, part in enumerate(crew.map(compare, parts), start=1):
        report.rows += part.rows
        report.histories += part.histories.rows
        report.histories_archived += part.histories.unread
        report.findings.merge(part.findings)
        progress("digests", done, len(parts))


def _tasks(opened: psycopg.Connection[tuple[Any, ...]], spill: Spill) -> Iterator[RowTask]:
    tables = opened.execute(
        "SELECT table_name, pk_column, ungoverned, pg_relation_size(quote_ident(table_name)::regclass)"
        " / current_setting('block_size')::int FROM audit_governed ORDER BY 4 DESC, 1"
    )
    ungoverned: dict[str, list[str]] = {}
    for table, pk, columns, pages in tables.fetchall():
        ungoverned[table] = columns
        for start, end in _ranges(pages):
            yield RowTask(table, pk, columns, start, end, spill)
    # From the models: the database's own list of tables has no say in which histories there are.
    for each in spill.histories:
        for start, end in _ranges(pages_of(opened, each)):
            yield RowTask(
                each.table,
                each.pk,
                [*OWN, *ungoverned.get(each.table, ())],
                start,
                end,
                spill,
                each.history,
            )


def _ranges(pages: int) -> Iterator[tuple[int, int | None]]:
    starts = range(0, max(pages, 1), PAGES)
    for start in starts:
        yield start, None if start == starts[-1] else start + PAGES


def read_rows(opened: psycopg.Connection[tuple[Any, ...]], task: RowTask) -> int:
    """Sets the digests of the rows aside, and returns how many there are."""
    query, what = (HISTORIES, "histories") if task.history else (ROWS, "rows")
    names = {
        "pk": sql.Identifier(task.pk),
        "table": sql.Identifier(task.history or task.table),
    }
    values: list[Any] = [task.without, f"({task.start},0)"]
    if task.end is not None:
        query, values = query + UNTIL, [*values, f"({task.end},0)"]
    count = 0
    with SpillWriter(task.spill, what) as writer, opened.cursor("rows", binary=True) as cursor:
        cursor.itersize = FETCHED
        cursor.execute(sql.SQL(query).format(**names), values)
        for row in cursor:
            writer.add((task.table, *row))
            count += 1
    return count


def compare(opened: psycopg.Connection[tuple[Any, ...]], task: PartTask) -> Part:
    """One part: what was said last of each row, the rows themselves, and how they came to be so."""
    found = Part()
    latest, steps = _said(task.spill, task.part)
    for table, pk, digest in task.spill.read("rows", task.part):
        found.rows += 1
        _, recorded, event = latest.pop((table, pk), NEVER)
        if digest != recorded:
            _differs(found.findings, f"{table} {pk}", recorded, event)
    for (table, pk), (_, recorded, event) in latest.items():
        if recorded is not None:
            detail = f"{table} {pk} is gone; event {event} wrote it last"
            found.findings.add(Kind.ROW_DELETED, detail)
    del latest
    found.histories = check_histories(opened, task, steps, found.findings)
    return found


def latest_of(spill: Spill, part: int) -> dict[Row, Recorded]:
    """By the numbers that changes drew while their rows were locked: events may be numbered in
    another order than that in which they came to a row."""
    return _said(spill, part)[0]


def _said(spill: Spill, part: int) -> tuple[dict[Row, Recorded], Steps]:
    """The latest of each row, and all of those with a history."""
    latest: dict[Row, Recorded] = {}
    steps: Steps = {}
    for record in spill.read("changes", part):
        table, pk, seq, digest, event, told = record
        row = table, pk
        if row not in latest or latest[row].seq < seq:
            latest[row] = Recorded(seq, digest, event)
        if told is not None:
            steps.setdefault(row, []).append(record)
    return latest, steps


def _differs(findings: Findings, row: str, recorded: bytes | None, event: int) -> None:
    if recorded is not None:
        findings.add(Kind.ROW_CHANGED, f"{row} is not what event {event} wrote")
    elif event:
        findings.add(Kind.ROW_INSERTED, f"{row} is there, and event {event} deleted it")
    else:
        findings.add(Kind.ROW_INSERTED, f"{row} is there, and no event wrote it")
