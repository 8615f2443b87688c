"""Holds every history row against the event that it names.

A history row is its row as that change left it. So its digest without the history's own columns is the
one that the event's entry holds, and every change on record has its history row. What a worker process
does; it has no Django.

A row that was saved as it was already has a history row and no change on record: it repeats the state
before it, and its event is held against what the row says of moment, person and reason.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from audit.ledger.kinds import Kind
from audit.ledger.people import People
from audit.ledger.report import Findings
from audit.ledger.spill import HistoryTable, PartTask, Record

OWN = (
    "history_id",
    "history_date",
    "history_change_reason",
    "history_type",
    "history_user_id",
    "event_id",
)
"""What a history row has and its row has not."""
HISTORIES = """
SELECT t.{pk}::text, t.history_id::bigint,
       sha256(convert_to(jsonb_strip_nulls(to_jsonb(t) - %s::text[])::text, 'UTF8')),
       t.history_type::text, t.event_id, to_char(t.history_date, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       t.history_user_id::bigint, t.history_change_reason::text
FROM {table} t WHERE t.ctid >= %s::tid
"""
TYPES = {"I": "+", "U": "~", "D": "-"}
CARRIED = "K"
ASKED = 1000

Row = tuple[str, str]
Steps = dict[Row, list[Record]]
"""By row, what was set aside of it."""
Spans = Sequence[tuple[int, int]]


class How(NamedTuple):
    """What an event says of itself, and a history row of its event."""

    at: str
    actor: str
    reason: str


class Step(NamedTuple):
    """A change, as an event has it."""

    seq: int
    digest: bytes | None
    event: int
    op: str
    how: How

    @property
    def key(self) -> tuple[int, str, bytes | None]:
        return self.event, TYPES.get(self.op, self.op), self.digest


class Version(NamedTuple):
    """A history row."""

    id: int
    digest: bytes
    type: str
    event: int
    at: str
    user: int | None
    reason: str

    @property
    def key(self) -> tuple[int, str, bytes | None]:
        return self.event, self.type, None if self.type == "-" else self.digest


@dataclass(slots=True)
class Histories:
    """`unread` of the rows tell of events that nobody read."""

    rows: int = 0
    unread: int = 0


def pages_of(opened: psycopg.Connection[tuple[Any, ...]], table: HistoryTable) -> int:
    row = opened.execute(
        "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int",
        [sql.Identifier(table.history).as_string(opened)],
    ).fetchone()
    return int(row[0]) if row else 0


def check_histories(
    opened: psycopg.Connection[tuple[Any, ...]], task: PartTask, steps: Steps, findings: Findings
) -> Histories:
    """One part: the changes of rows with a history, and their history rows."""
    for record in task.spill.read("archived", task.part):
        steps.setdefault((record[0], record[1]), []).append(record)
    versions: Steps = {}
    for record in task.spill.read("histories", task.part):
        versions.setdefault((record[0], record[1]), []).append(record)
    checked = _Part(findings, People.of(opened), task.unread)
    for row in sorted(steps.keys() | versions.keys()):
        checked.look(row, steps.get(row, []), versions.get(row, []))
    checked.ask(opened)
    return checked.counted


@dataclass(slots=True)
class _Part:
    findings: Findings
    people: People
    unread: Spans
    counted: Histories = field(default_factory=Histories)
    _asked: list[tuple[Row, Version]] = field(default_factory=list)

    def look(self, row: Row, steps: list[Record], versions: list[Record]) -> None:
        """As they were set aside. Nearly all are of rows that changed once, and just as they should."""
        self.counted.rows += len(versions)
        if len(steps) == len(versions) == 1 and self._is_plain(steps[0], versions[0]):
            return
        said = [
            Step(seq, digest, event, how[0], How(*how[1:]))
            for _, _, seq, digest, event, how in steps
        ]
        rows = [Version(*version[2:]) for version in versions]
        self._check(row, sorted(said, key=attrgetter("seq")), sorted(rows, key=attrgetter("id")))

    def _is_plain(self, step: Record, version: Record) -> bool:
        _, _, _, digest, event, (op, at, actor, reason) = step
        return version[3:7] == (digest, TYPES.get(op), event, at) and (
            version[8] in {"", reason} and self.people.fits(version[7], actor)
        )

    def _check(self, row: Row, steps: list[Step], versions: list[Version]) -> None:
        carried = [step for step in steps if step.op == CARRIED]
        steps = [step for step in steps if step.op != CARRIED]
        waiting: dict[tuple[int, str, bytes | None], list[Step]] = defaultdict(list)
        for step in reversed(steps):
            waiting[step.key].append(step)
        left: list[tuple[Version, bytes | None]] = []
        unread: list[Version] = []
        state: bytes | None = None
        seq, states = 0, {step.digest for step in (*steps, *carried)}
        for version in versions:
            if found := waiting.get(version.key):
                step = found.pop()
                if step.seq < seq:
                    self._changed(row, version, "stands in another place than it was written in")
                elif version.type == "-" and not unread and version.digest not in states:
                    self._changed(row, version, f"is not what event {step.event} deleted")
                self._hold(row, version, step.how)
                seq, state = max(seq, step.seq), step.digest
            elif _is_in(version.event, self.unread):
                unread.append(version)
                state = version.digest
            else:
                left.append((version, state))
        self.counted.unread += len(unread)
        self._hold_carried(row, steps, carried, unread)
        gone = sorted(chain.from_iterable(waiting.values()), key=attrgetter("seq"))
        if left or gone:
            self._name(row, left, gone, {step.event: step.how for step in steps})

    def _hold(self, row: Row, version: Version, how: How) -> None:
        wrong = [] if version.at == how.at else ["moment"]
        wrong += [] if self.people.fits(version.user, how.actor) else ["person"]
        # Where a service gives its reason after it saved, the history row has none.
        wrong += [] if version.reason in {"", how.reason} else ["reason"]
        if wrong:
            said = " and ".join(wrong)
            self._changed(row, version, f"names another {said} than event {version.event}")

    def _hold_carried(
        self, row: Row, steps: list[Step], carried: list[Step], unread: list[Version]
    ) -> None:
        """What an archive that nobody read said last of the row, was said again when it was dropped."""
        if not carried or carried[-1].seq in {step.seq for step in steps}:
            return
        last = carried[-1]
        if not unread:
            detail = f"has no history row of what event {last.event} carried over"
            self.findings.add(Kind.HISTORY_ROW_DELETED, f"{_words(row)} {detail}")
        elif unread[-1].digest != last.digest:
            self._changed(row, unread[-1], f"is not what event {last.event} carried over")

    def _name(
        self,
        row: Row,
        left: list[tuple[Version, bytes | None]],
        gone: list[Step],
        hows: dict[int, How],
    ) -> None:
        """What has no counterpart, by what fits best: first the whole row but for the event, then the
        event. What repeats the state before it was a save that changed nothing."""
        for version, state in left:
            if step := _taken(gone, (each.key[1:] == version.key[1:] for each in gone)):
                detail = f"names event {version.event}; event {step.event} wrote it"
                self._add(Kind.HISTORY_ROW_RELINKED, row, version, detail)
            elif version.type == "~" and version.digest == state:
                if how := hows.get(version.event):
                    self._hold(row, version, how)
                else:
                    self._asked.append((row, version))
            elif _taken(gone, (each.event == version.event for each in gone)):
                self._changed(row, version, f"is not what event {version.event} wrote")
            else:
                detail = f"is there, and event {version.event} did not write it"
                self._add(Kind.HISTORY_ROW_INSERTED, row, version, detail)
        for step in gone:
            detail = f"{_words(row)} has no history row of event {step.event}"
            self.findings.add(Kind.HISTORY_ROW_DELETED, detail)

    def ask(self, opened: psycopg.Connection[tuple[Any, ...]]) -> None:
        """The events of those rows that repeat the state before them, and that changed it nowhere."""
        for start in range(0, len(self._asked), ASKED):
            asked = self._asked[start : start + ASKED]
            found = opened.execute(
                "SELECT id, entry FROM audit_event WHERE id = ANY(%s)",
                [[version.event for _, version in asked]],
            )
            hows = {number: how for number, entry in found if (how := _how_of(entry))}
            for row, version in asked:
                if how := hows.get(version.event):
                    self._hold(row, version, how)
                else:
                    detail = f"is there, and there is no event {version.event}"
                    self._add(Kind.HISTORY_ROW_INSERTED, row, version, detail)

    def _changed(self, row: Row, version: Version, detail: str) -> None:
        self._add(Kind.HISTORY_ROW_CHANGED, row, version, detail)

    def _add(self, kind: Kind, row: Row, version: Version, detail: str) -> None:
        self.findings.add(kind, f"history row {version.id} of {_words(row)} {detail}")


def how_in(body: dict[str, Any]) -> How:
    data = body.get("data")
    reason = data.get("reason", "") if isinstance(data, dict) else ""
    return How(body["timestamp"], body["actor"], str(reason))


def _how_of(entry: bytes) -> How | None:
    """None where it is none that could have changed anything."""
    try:
        body = json.loads(entry)
        return how_in(body) if body["verdict"] == "allow" else None
    except (ValueError, KeyError, TypeError):
        return None


def _taken(steps: list[Step], fits: Iterable[bool]) -> Step | None:
    """The first that fits, taken out of the list."""
    at = next((at for at, is_fit in enumerate(fits) if is_fit), None)
    return None if at is None else steps.pop(at)


def _is_in(event: int, spans: Spans) -> bool:
    return any(first <= event < end for first, end in spans)


def _words(row: Row) -> str:
    return " ".join(row)
