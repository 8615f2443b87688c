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
GONE = """
SELECT l.index, g.event_id FROM (
    SELECT event_id FROM audit_leaf UNION ALL SELECT event_id FROM audit_pending
) g LEFT JOIN audit_leaf l USING (event_id)
WHERE NOT EXISTS (SELECT FROM audit_event e WHERE e.id = g.event_id) ORDER BY 1, 2
"""


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


def verify_entries(report: Report, crew: Crew, *, spill: Spill | None, progress: Progress) -> None:
    row = crew.opened.execute(
        "SELECT (SELECT min(id) FROM audit_event), (SELECT max(id) FROM audit_event),"
        " (SELECT count(*) FROM audit_leaf), (SELECT count(*) FROM audit_pending)"
    ).fetchone()
    first, last, leaves, report.pending = row or (None, None, 0, 0)
    tasks = []
    if first is not None:
        tasks = [EntryTask(n, min(n + SPAN, last + 1), spill) for n in range(first, last + 1, SPAN)]
    counted = 0
    for task, entries in zip(tasks, crew.map(check_entries, tasks), strict=True):
        report.findings.merge(entries.findings)
        counted += entries.counted
        progress("entries", task.end - first, last + 1 - first)
    if counted != leaves + report.pending:
        _name_gone(report, crew.opened)


def _name_gone(report: Report, opened: psycopg.Connection[tuple[Any, ...]]) -> None:
    with opened.cursor("gone") as cursor:
        cursor.execute(GONE)
        for index, number in cursor:
            where = "waiting" if index is None else f"of leaf {index}"
            report.add(Kind.ENTRY_DELETED, f"the entry {where}, event {number}, is gone", index)


def check_entries(opened: psycopg.Connection[tuple[Any, ...]], task: EntryTask) -> Entries:
    found = Entries()
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
            body = _body(entry)
            wrong = [] if leaf == stored else ["leaf_hash"]
            wrong += _wrong(number, body, projections)
            for name in wrong:
                detail = f"event {number}: {name} differs from its entry"
                found.findings.add(Kind.PROJECTION_CHANGED, detail, index)
            records = _records(number, body, listed)
            if records is None:
                detail = f"event {number}: the list of its changes is not the one in its entry"
                found.findings.add(Kind.CHANGE_LIST_CHANGED, detail, index)
            elif writer is not None:
                for record in records:
                    writer.add(record)
    return found


def _body(entry: bytes) -> dict[str, Any]:
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


def _records(number: int, body: dict[str, Any], listed: str | None) -> list[Record] | None:
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
        return [_record(number, change) for change in changes]
    except (KeyError, TypeError, ValueError):
        return None


def _record(number: int, change: dict[str, Any]) -> Record:
    digest = change["sha256"]
    row = change["table"], change["pk"]
    return (*row, change["seq"], None if digest is None else bytes.fromhex(digest), number)
