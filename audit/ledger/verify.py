"""Checks the whole record from its bytes: entries, tree, checkpoints, projections, governed rows.

Says `verified`; `pending` where all is well but some events are not in a checkpoint yet;
`unverifiable` where there is nothing signed to check against; or `broken`, with what kind of
tampering it is and the first index that is bad.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection

from audit.ledger import keys
from audit.ledger.append import instant
from audit.models import Checkpoint, Head, Tile
from audit.proofs import checkpoint as c2sp
from audit.proofs import merkle, tiles
from audit.proofs.errors import ProofError

BATCH = 2000
MAX_PROBLEMS = 100
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """`index` is the leaf it was found at, None where it is none's."""

    kind: str
    detail: str
    index: int | None = None


@dataclass(slots=True)
class Report:
    size: int = 0
    signed: int = 0
    pending: int = 0
    root: str = ""
    archived: int = 0
    archived_read: int | None = None
    rows: int | None = None
    journaled: int | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.problems:
            return "broken"
        if self.size and not self.signed:
            return "unverifiable"
        return "pending" if self.pending or self.signed < self.size else "verified"

    @property
    def first_bad_index(self) -> int | None:
        return min((p.index for p in self.problems if p.index is not None), default=None)

    def add(self, kind: str, detail: str, index: int | None = None) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, detail, index))

    def to_json(self) -> dict[str, Any]:
        return {"status": self.status, "first_bad_index": self.first_bad_index, **asdict(self)}


def verify_log(
    report: Report,
    *,
    known: c2sp.Checkpoint | None = None,
    is_archived: Callable[[int], bool] = lambda _number: False,
    progress: Progress,
) -> None:
    """Walks all leaves in order and fills the report. `known` is a checkpoint that somebody kept. The
    entry of an event that `is_archived` is not here: its leaf is taken as stored, and counted."""
    head = Head.objects.get()
    report.size = head.size
    checkpoints = _Checkpoints(report, known)
    frontier = merkle.Frontier()
    batch: list[bytes] = []
    for index, leaf in _leaves(report, head.size, is_archived):
        batch.append(leaf)
        if len(batch) == tiles.FULL_WIDTH:
            _check_tile(report, index // tiles.FULL_WIDTH, batch)
            batch = []
        frontier = frontier.append(leaf)
        checkpoints.check(frontier)
        if not frontier.size % BATCH:
            progress(frontier.size, head.size)
    progress(head.size, head.size)
    report.root = frontier.root().hex()
    if frontier.size != head.size:
        report.add(
            "tail missing",
            f"{head.size} leaves were sequenced, {frontier.size} are there",
            frontier.size,
        )
    elif frontier.hashes != tuple(bytes(node) for node in head.frontier):
        report.add("head changed", "the stored head is not that of the leaves")
    checkpoints.finish(frontier.size)
    _check_strays(report)


_LEAVES = """
SELECT l.index, l.leaf_hash, l.event_id, e.id, e.entry, e.leaf_hash, e.at, e.event, e.actor, e.action, e.target,
       e.verdict, e.trace_id
FROM audit_leaf l LEFT JOIN audit_event e ON e.id = l.event_id
WHERE l.index >= %s AND l.index < %s ORDER BY l.index
"""
PROJECTIONS = ("at", "event", "actor", "action", "target", "verdict", "trace_id")


def _leaves(
    report: Report, size: int, is_archived: Callable[[int], bool]
) -> Iterator[tuple[int, bytes]]:
    """The leaf hashes as the entries give them, in order, up to the first gap."""
    expected = 0
    with connection.cursor() as cursor:
        for start in range(0, size, BATCH):
            cursor.execute(_LEAVES, [start, min(start + BATCH, size)])
            for (
                index,
                leaf_hash,
                placed,
                number,
                entry,
                stored_hash,
                *projections,
            ) in cursor.fetchall():
                if index != expected:
                    report.add("leaf deleted", f"there is no leaf {expected}", expected)
                    return
                expected += 1
                if number is None and is_archived(placed):
                    report.archived += 1
                    yield index, bytes(leaf_hash)
                    continue
                if number is None:
                    report.add("entry deleted", f"the entry of leaf {index} is gone", index)
                    yield index, bytes(leaf_hash)
                    continue
                leaf = merkle.leaf_hash(bytes(entry))
                if leaf != bytes(leaf_hash) or leaf != bytes(stored_hash):
                    report.add("entry changed", f"event {number} is not what was recorded", index)
                for name in _wrong_projections(number, bytes(entry), projections):
                    report.add(
                        "projection changed",
                        f"event {number}: {name} differs from its entry",
                        index,
                    )
                yield index, leaf


def _wrong_projections(number: int, entry: bytes, projections: list[Any]) -> list[str]:
    try:
        body = json.loads(entry)
        wanted = [body["timestamp"], *(body[name] for name in PROJECTIONS[1:])]
        found = [instant(projections[0]), *projections[1:]]
        names = [name for name, a, b in zip(PROJECTIONS, wanted, found, strict=True) if a != b]
        return names if body["id"] == number else ["id", *names]
    except (ValueError, KeyError, TypeError):
        return ["the entry itself"]


def _check_tile(report: Report, index: int, hashes: list[bytes]) -> None:
    tile = Tile.objects.filter(level=0, index=index).first()
    if tile is None or bytes(tile.data) != tiles.encode_tile(hashes):
        first = index * tiles.FULL_WIDTH
        report.add("tile changed", f"tile 0/{index} is not that of its leaves", first)


class _Checkpoints:
    """Holds each signed checkpoint against the tree as the walk reaches its size."""

    def __init__(self, report: Report, known: c2sp.Checkpoint | None) -> None:
        self.report = report
        self.verifiers = keys.verifiers()
        self.stored = Checkpoint.objects.order_by("size").iterator(chunk_size=BATCH)
        self.next = next(self.stored, None)
        self.known = known

    def check(self, frontier: merkle.Frontier) -> None:
        if self.next is not None and self.next.size == frontier.size:
            self._hold(self.next, frontier.root())
            self.next = next(self.stored, None)
        if self.known is not None and self.known.size == frontier.size:
            if self.known.root != frontier.root():
                self.report.add(
                    "history rewritten",
                    f"the log has another past than the checkpoint given, at size {frontier.size}",
                    frontier.size - 1,
                )
            self.known = None

    def _hold(self, stored: Checkpoint, root: bytes) -> None:
        last = stored.size - 1
        try:
            signed = c2sp.Checkpoint.open(
                stored.note, self.verifiers, origin=self.verifiers[0].name if self.verifiers else ""
            )
        except ProofError as error:
            self.report.add("checkpoint not signed", f"checkpoint {stored.size}: {error}", last)
            return
        if (signed.size, signed.root) != (stored.size, bytes(stored.root)):
            self.report.add(
                "checkpoint changed", f"checkpoint {stored.size} is not what was signed", last
            )
        elif signed.root != root:
            self.report.add(
                "history rewritten", f"the entries do not lead to checkpoint {stored.size}", last
            )
        else:
            self.report.signed = stored.size

    def finish(self, size: int) -> None:
        beyond = [c.size for c in (self.next, self.known) if c is not None and c.size > size]
        if beyond:
            self.report.add(
                "tail missing",
                f"a checkpoint of {max(beyond)} entries was signed, {size} are there",
                size,
            )


def _check_strays(report: Report) -> None:
    """Events that are neither in the log nor waiting for it came in behind the triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_pending")
        report.pending = cursor.fetchone()[0]
        cursor.execute(
            "SELECT e.id FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE"
            " l.event_id = e.id) AND NOT EXISTS (SELECT FROM audit_pending p WHERE p.event_id = e.id)"
            " ORDER BY e.id LIMIT 10"
        )
        for (number,) in cursor.fetchall():
            report.add("entry inserted", f"event {number} never went through the log")
