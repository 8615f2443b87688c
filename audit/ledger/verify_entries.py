"""A stretch of entries, each from its bytes: its hash, the columns taken from it, its list of changes.

What a worker process does; it has no Django. Where rows are to be checked too, what the entries say of
them is set aside as it is read.
"""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psycopg

from audit.ledger.crew import Crew
from audit.ledger.kinds import Kind
from audit.ledger.report import Findings, Progress, Report
from audit.ledger.spill import Record, Spill, SpillWriter
from audit.ledger.verify_histories import how_in
from audit.proofs.merkle import leaf_hash

SPAN = 16_384
FETCHED = 1000

# An instant is compared as text: what a column may hold, like `infinity`, an entry never says.
ENTRIES = """
SELECT e.id, e.entry, e.leaf_hash, l.index, l.leaf_hash, p.event_id IS NOT NULL, c.changes,
       to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.event, e.actor, e.action, e.target,
       e.verdict, e.trace_id
FROM audit_event e
LEFT JOIN audit_leaf l ON l.event_id = e.id
LEFT JOIN audit_pending p ON p.event_id = e.id
LEFT JOIN audit_event_changes c ON c.event_id = e.id
WHERE e.id >= %s AND e.id < %s ORDER BY e.id
"""
PROJECTIONS = ("timestamp", "event", "actor", "action", "target", "verdict", "trace_id")
ARCHIVED = """
EXISTS (SELECT FROM unnest(%s::bigint[], %s::bigint[]) AS r (first, last)
        WHERE l.event_id >= first AND l.event_id < last)
"""
COUNTS = f"""
SELECT (SELECT count(*) FROM audit_leaf), (SELECT count(*) FROM audit_pending),
       (SELECT count(*) FROM audit_leaf l WHERE {ARCHIVED}
        AND NOT EXISTS (SELECT FROM audit_event e WHERE e.id = l.event_id))
"""  # noqa: S608 - put together of constants
GONE = f"""
SELECT l.index, g.event_id FROM (
    SELECT event_id FROM audit_leaf UNION ALL SELECT event_id FROM audit_pending
) g LEFT JOIN audit_leaf l USING (event_id)
WHERE NOT EXISTS (SELECT FROM audit_event e WHERE e.id = g.event_id) AND NOT {ARCHIVED} ORDER BY 1, 2
"""  # noqa: S608 - put together of constants


@dataclass(frozen=True, slots=True)
class EntryTask:
    """The events numbered `[start, end)`. `spill` takes what they say of rows."""

    start: int
    end: int
    spill: Spill | None


@dataclass(slots=True)
class Entries:
    """`counted` are those that the log or its queue counts."""

    counted: int = 0
    pending: int = 0
    findings: Findings = field(default_factory=Findings)


def verify_entries(
    report: Report,
    crew: Crew,
    *,
    archived: Sequence[tuple[int, int]],
    spill: Spill | None,
    progress: Progress,
) -> None:
    ranges = [[first for first, _ in archived], [end for _, end in archived]]
    row = crew.opened.execute(COUNTS, ranges).fetchone()
    leaves, report.pending, report.archived = row or (0, 0, 0)
    reads = tasks(crew.opened, spill)
    counted = 0
    for task, entries in zip(reads, crew.map(check_entries, reads), strict=True):
        report.findings.merge(entries.findings)
        counted += entries.counted
        progress("entries", task.end - reads[0].start, reads[-1].end - reads[0].start)
    if counted + report.archived != leaves + report.pending:
        _name_gone(report, crew.opened, ranges)


def tasks(opened: psycopg.Connection[tuple[Any, ...]], spill: Spill | None) -> list[EntryTask]:
    row = opened.execute("SELECT min(id), max(id) FROM audit_event").fetchone()
    first, last = row or (None, None)
    if first is None or last is None:
        return []
    return [EntryTask(n, min(n + SPAN, last + 1), spill) for n in range(first, last + 1, SPAN)]


def _name_gone(
    report: Report, opened: psycopg.Connection[tuple[Any, ...]], ranges: list[list[int]]
) -> None:
    with opened.cursor("gone") as cursor:
        cursor.execute(GONE, ranges)
        for index, number in cursor:
            where = "waiting" if index is None else f"of leaf {index}"
            report.add(Kind.ENTRY_DELETED, f"the entry {where}, event {number}, is gone", index)


def check_entries(opened: psycopg.Connection[tuple[Any, ...]], task: EntryTask) -> Entries:
    found = Entries()
    historied = task.spill.historied if task.spill else frozenset[str]()
    writer = SpillWriter(task.spill, "changes") if task.spill else None
    with writer or nullcontext(), opened.cursor("entries", binary=True) as cursor:
        cursor.itersize = FETCHED
        cursor.execute(ENTRIES, [task.start, task.end])
        for number, entry, stored, index, sequenced, is_pending, listed, *projections in cursor:
            if index is None and not is_pending:
                detail = f"event {number} never went through the log"
                found.findings.add(Kind.ENTRY_INSERTED, detail)
                continue
            found.counted += (index is not None) + is_pending
            leaf = leaf_hash(entry)
            if leaf != (stored if index is None else sequenced):
                detail = f"event {number} is not what was recorded"
                found.findings.add(Kind.ENTRY_CHANGED, detail, index)
                continue
            body = body_of(entry)
            wrong = [] if leaf == stored else ["leaf_hash"]
            wrong += _wrong(number, body, projections)
            for name in wrong:
                detail = f"event {number}: {name} differs from its entry"
                found.findings.add(Kind.PROJECTION_CHANGED, detail, index)
            records = records_of(number, body, listed, historied)
            if records is None:
                detail = f"event {number}: the list of its changes is not the one in its entry"
                found.findings.add(Kind.CHANGE_LIST_CHANGED, detail, index)
            elif writer is not None:
                for record in records:
                    writer.add(record)
    return found


def body_of(entry: bytes) -> dict[str, Any]:
    try:
        body = json.loads(entry)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _wrong(number: int, body: dict[str, Any], projections: Sequence[str]) -> list[str]:
    if not body:
        return ["the entry itself"]
    names = [n for n, found in zip(PROJECTIONS, projections, strict=True) if body.get(n) != found]
    return names if body.get("id") == number else ["id", *names]


def records_of(
    number: int, body: dict[str, Any], listed: str | None, historied: frozenset[str]
) -> list[Record] | None:
    """What the event says of rows; None where it cannot be read, or where the list beside the entry is
    not the one that the entry means."""
    match body.get("changes"):
        case {"sha256": digest}:
            if listed is None or sha256(listed.encode()).hexdigest() != digest:
                return None
            changes = json.loads(listed)
        case list(changes) if listed is None:
            pass
        case _:
            return None
    try:
        how = how_in(body) if historied else ()
        return [_record(number, change, how, historied) for change in changes]
    except (KeyError, TypeError, ValueError):
        return None


def _record(
    number: int, change: dict[str, Any], how: tuple[str, ...], historied: frozenset[str]
) -> Record:
    table, digest = change["table"], change["sha256"]
    decoded = None if digest is None else bytes.fromhex(digest)
    told = (change["op"], *how) if table in historied else None
    return (table, change["pk"], change["seq"], decoded, number, told)
