"""Matches lines and events on the disk, in a temporary SQLite database that only this process sees:
a journal of ten million lines does not fit into memory, and the ledger's own database is in doubt.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from audit.journal import line
from audit.journal.findings import Committed, Finding, Kind, Reconciliation
from audit.journal.line import Line

IN_FLIGHT = timedelta(minutes=2)
"""For so long a running process may still be about it: no request or task takes longer."""
UNSETTLED = {Kind.NOTHING_HAPPENED, Kind.UNSAID}
BATCH = 5000

# `meant` and `said` tell in which reading, 1 or 2, the intent and its outcome were read; 0: in none.
# `found` is the leaf hash of the event that belongs to it, `by_…` the line that the event names.
SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
CREATE TABLE line (
    writer TEXT, seq INTEGER, event INTEGER, at TEXT, meant INTEGER, said INTEGER DEFAULT 0,
    result TEXT, leaf TEXT, found TEXT, by_writer TEXT, by_seq INTEGER, PRIMARY KEY (writer, seq)
) WITHOUT ROWID;
CREATE INDEX line_event ON line (event);
CREATE TABLE stray (event INTEGER, leaf TEXT, writer TEXT, seq INTEGER);
CREATE VIEW finding AS
SELECT 'nothing_happened' AS kind, event, writer, seq, at, 'nothing came of it' AS detail
    FROM line WHERE meant = 1 AND said = 0 AND found IS NULL
UNION ALL SELECT 'unsaid', event, writer, seq, at, 'its outcome was not written down'
    FROM line WHERE meant = 1 AND said = 0 AND found IS NOT NULL
UNION ALL SELECT 'lost', event, writer, seq, at, 'it was committed, and its event is gone'
    FROM line WHERE said = 1 AND result = 'committed' AND found IS NULL
UNION ALL SELECT 'contradicted', event, writer, seq, at,
    'its event names another line: ' || by_writer || ' ' || by_seq
    FROM line WHERE by_writer <> writer OR by_seq <> seq
UNION ALL SELECT 'contradicted', event, writer, seq, at, 'it was rolled back, yet its event is there'
    FROM line WHERE result = 'rolled_back' AND found IS NOT NULL
UNION ALL SELECT 'contradicted', event, writer, seq, at, 'its event is not what was committed'
    FROM line WHERE result = 'committed' AND leaf <> found;
BEGIN;
"""
INTENT = """
INSERT INTO line (writer, seq, event, at, meant) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
OUTCOME = """
INSERT INTO line (writer, seq, event, at, meant, said, result, leaf) VALUES (?, ?, ?, ?, 0, ?, ?, ?)
ON CONFLICT DO UPDATE SET said = excluded.said, result = excluded.result, leaf = excluded.leaf,
    event = coalesce(excluded.event, event)
"""
MATCH = "UPDATE line SET found = :leaf, by_writer = :writer, by_seq = :seq WHERE event = :event"
# An intent that drew no number beforehand, and whose outcome did not give it.
MATCH_UNNUMBERED = """
UPDATE line SET found = :leaf, by_writer = :writer, by_seq = :seq, event = :event
WHERE writer = :writer AND seq = :seq AND event IS NULL
"""


class Matching:
    def __enter__(self) -> Self:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(SCHEMA)
        self._reading = 1
        self._live: set[str] = set()
        self._intents: list[tuple[Any, ...]] = []
        self._outcomes: list[tuple[Any, ...]] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def is_live(self, writer: str) -> None:
        self._live.add(writer)

    def add_line(self, each: Line) -> None:
        event = _integer(each.fields.get("event"))
        if each.kind == line.INTENT:
            self._intents.append((each.writer, each.seq, event, each.at, self._reading))
        elif each.kind == line.OUTCOME:
            meant = _integer(each.fields.get("intent")) or 0
            result, leaf = str(each.fields.get("result")), str(each.fields.get("leaf", ""))
            row = (each.writer, meant, event, each.at, self._reading, result, leaf)
            self._outcomes.append(row)
        if len(self._intents) + len(self._outcomes) >= BATCH:
            self._flush()

    def add_event(self, event: Committed) -> None:
        values = {
            "event": event.event_id,
            "leaf": event.leaf_hash.hex(),
            "writer": str(event.writer_id),
            "seq": event.writer_seq,
        }
        if not self._is_matched(values):
            self._db.execute("INSERT INTO stray VALUES (:event, :leaf, :writer, :seq)", values)

    def begin_second_reading(self) -> None:
        self._flush()
        self._reading = 2

    def judge(self, result: Reconciliation, *, first_event: int) -> None:
        strays = self._db.execute("SELECT event, leaf, writer, seq FROM stray")
        for event, leaf, writer, seq in strays:
            values = {"event": event, "leaf": leaf, "writer": writer, "seq": seq}
            if not self._is_matched(values):
                detail = "no line of the journal meant it"
                result.find(Finding(Kind.UNJOURNALED, event, writer, seq, "", detail))
        counted = "SELECT count(*) FROM line WHERE meant > 0 AND coalesce(event, ?1) >= ?1"
        result.intents = self._db.execute(counted, [first_event]).fetchone()[0]
        young = (datetime.now(UTC) - IN_FLIGHT).isoformat()
        asked = "SELECT * FROM finding WHERE coalesce(event, ?1) >= ?1"
        for name, *row in self._db.execute(asked, [first_event]):
            finding = Finding(Kind(name), *row)
            is_young = finding.at > young and finding.writer in self._live
            if finding.kind in UNSETTLED and is_young:
                result.in_flight += 1
            else:
                result.find(finding)

    def _is_matched(self, values: dict[str, Any]) -> bool:
        self._flush()
        matched = self._db.execute(MATCH, values).rowcount
        return matched > 0 or self._db.execute(MATCH_UNNUMBERED, values).rowcount > 0

    def _flush(self) -> None:
        if self._intents or self._outcomes:
            self._db.executemany(INTENT, self._intents)
            self._db.executemany(OUTCOME, self._outcomes)
            self._intents.clear()
            self._outcomes.clear()


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None
