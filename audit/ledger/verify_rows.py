"""Holds every governed row against its last digest in the ledger, and names what does not fit.

Rows are read by ranges of pages, and meet what the entries say of them in the same part of the spill.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from audit.ledger.crew import Crew
from audit.ledger.kinds import Kind
from audit.ledger.report import Findings, Progress, Report
from audit.ledger.spill import Spill, SpillWriter

PAGES = 2048
FETCHED = 2000

# The digest as audit_row_digest() takes it, but not by that function: who edits rows behind the
# triggers can also put another one in its place.
ROWS = """
SELECT t.{pk}::text, sha256(convert_to(jsonb_strip_nulls(to_jsonb(t) - %s::text[])::text, 'UTF8'))
FROM {table} t WHERE t.ctid >= %s::tid
"""
UNTIL = "AND t.ctid < %s::tid"


@dataclass(frozen=True, slots=True)
class RowTask:
    """The rows of a table on the pages `[start, end)`; the last range is open."""

    table: str
    pk: str
    ungoverned: list[str]
    start: int
    end: int | None
    spill: Spill


@dataclass(frozen=True, slots=True)
class PartTask:
    spill: Spill
    part: int


@dataclass(slots=True)
class Part:
    rows: int = 0
    findings: Findings = field(default_factory=Findings)


def verify_rows(report: Report, crew: Crew, *, spill: Spill, progress: Progress) -> None:
    """Once the entries have told what they say of rows."""
    reads = list(_tasks(crew.opened, spill))
    for done, _rows in enumerate(crew.map(read_rows, reads), start=1):
        progress("rows", done, len(reads))
    parts = [PartTask(spill, part) for part in range(spill.parts)]
    report.rows = 0
    for done, part in enumerate(crew.map(compare, parts), start=1):
        report.rows += part.rows
        report.findings.merge(part.findings)
        progress("digests", done, len(parts))


def _tasks(opened: psycopg.Connection[tuple[Any, ...]], spill: Spill) -> Iterator[RowTask]:
    tables = opened.execute(
        "SELECT table_name, pk_column, ungoverned, pg_relation_size(quote_ident(table_name)::regclass)"
        " / current_setting('block_size')::int FROM audit_governed ORDER BY 4 DESC, 1"
    )
    for table, pk, ungoverned, pages in tables.fetchall():
        starts = range(0, max(pages, 1), PAGES)
        for start in starts:
            end = None if start == starts[-1] else start + PAGES
            yield RowTask(table, pk, ungoverned, start, end, spill)


def read_rows(opened: psycopg.Connection[tuple[Any, ...]], task: RowTask) -> int:
    """Sets the digests of the rows aside, and returns how many there are."""
    names = {"pk": sql.Identifier(task.pk), "table": sql.Identifier(task.table)}
    query, values = ROWS, [task.ungoverned, f"({task.start},0)"]
    if task.end is not None:
        query, values = ROWS + UNTIL, [*values, f"({task.end},0)"]
    count = 0
    with SpillWriter(task.spill, "rows") as writer, opened.cursor("rows", binary=True) as cursor:
        cursor.itersize = FETCHED
        cursor.execute(sql.SQL(query).format(**names), values)
        for pk, digest in cursor:
            writer.add((task.table, pk, digest))
            count += 1
    return count


def compare(_opened: psycopg.Connection[tuple[Any, ...]], task: PartTask) -> Part:
    """One part: what was said last of each row, and the rows themselves."""
    found = Part()
    latest: dict[tuple[str, str], tuple[int, bytes | None, int]] = {}
    # By the numbers that changes drew while their rows were locked: events may be numbered in
    # another order than that in which they came to a row.
    for table, pk, seq, digest, event in task.spill.read("changes", task.part):
        row = table, pk
        if row not in latest or latest[row][0] < seq:
            latest[row] = seq, digest, event
    for table, pk, digest in task.spill.read("rows", task.part):
        found.rows += 1
        _, recorded, event = latest.pop((table, pk), (0, None, 0))
        if digest != recorded:
            _differs(found.findings, f"{table} {pk}", recorded, event)
    for (table, pk), (_, recorded, event) in latest.items():
        if recorded is not None:
            detail = f"{table} {pk} is gone; event {event} wrote it last"
            found.findings.add(Kind.ROW_DELETED, detail)
    return found


def _differs(findings: Findings, row: str, recorded: bytes | None, event: int) -> None:
    if recorded is not None:
        findings.add(Kind.ROW_CHANGED, f"{row} is not what event {event} wrote")
    elif event:
        findings.add(Kind.ROW_INSERTED, f"{row} is there, and event {event} deleted it")
    else:
        findings.add(Kind.ROW_INSERTED, f"{row} is there, and no event wrote it")
