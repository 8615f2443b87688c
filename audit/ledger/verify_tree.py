"""The tree over all leaves: tiles of every level, the head, and what was signed or kept of it."""

from collections.abc import Sequence
from typing import Any

import psycopg

from audit.ledger.crew import Crew
from audit.ledger.kinds import Kind
from audit.ledger.report import Origin, Progress, Report
from audit.ledger.verify_leaves import (
    SPAN,
    LeafTask,
    Mark,
    Stretch,
    check_tile,
    stored_tiles,
    walk_leaves,
)
from audit.proofs import tiles
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.merkle import Frontier, root


def verify_tree(
    report: Report,
    crew: Crew,
    *,
    vkeys: Sequence[str],
    known: Checkpoint | None,
    progress: Progress,
) -> None:
    """`known` is a checkpoint that somebody kept, its signature checked."""
    size, frontier = _head(crew.opened)
    report.size = size
    report.origins = [Origin(vkey) for vkey in vkeys]
    tree = _Tree(report, crew.opened, known)
    tasks = [
        LeafTask(start, min(start + SPAN, size), tuple(vkeys), known.size if known else None)
        for start in range(0, size, SPAN)
    ]
    for task, stretch in zip(tasks, crew.map(walk_leaves, tasks), strict=True):
        tree.add(stretch)
        progress("leaves", task.end, size)
    report.root = tree.frontier.root().hex()
    if tree.gap is None and tree.frontier.hashes != frontier:
        report.add(Kind.HEAD_CHANGED, "the stored head is not that of the leaves")
    tree.finish(size)


def _head(opened: psycopg.Connection[tuple[Any, ...]]) -> tuple[int, tuple[bytes, ...]]:
    row = opened.execute("SELECT size, frontier FROM audit_head").fetchone()
    return (row[0], tuple(row[1])) if row else (0, ())


class _Tree:
    """Takes the stretches in order; after the first gap there is no tree to speak of."""

    def __init__(
        self,
        report: Report,
        opened: psycopg.Connection[tuple[Any, ...]],
        known: Checkpoint | None,
    ) -> None:
        self.report = report
        self.opened = opened
        self.known = known
        self.frontier = Frontier()
        self.gap: int | None = None
        # Of each level from 1 up: the nodes of its rightmost tile, and how many full ones came before.
        self._upper: list[list[bytes]] = []
        self._complete: list[int] = []
        self._is_known_held: bool | None = None
        self._is_rewritten = False
        self._latest_key = 0

    def add(self, stretch: Stretch) -> None:
        self.report.findings.merge(stretch.findings)
        if self.gap is not None:
            return
        for mark in stretch.marks:
            self._hold(mark, self.frontier.join(mark.frontier).root())
        self.frontier = self.frontier.join(stretch.frontier)
        for tile_root in stretch.tile_roots:
            self._add_root(1, tile_root)
        self.gap = stretch.gap

    def _hold(self, mark: Mark, found: bytes) -> None:
        if mark.signed is None:
            self._is_known_held = self.known is not None and self.known.root == found
            return
        self._count(mark)
        if mark.signed == found:
            self.report.signed = mark.size
        elif not self._is_rewritten:
            self._is_rewritten = True
            detail = f"the leaves do not lead to checkpoint {mark.size}"
            self.report.add(Kind.HISTORY_REWRITTEN, detail, self._first_doubted(mark.size))

    def _count(self, mark: Mark) -> None:
        """Once a later key has signed, an earlier one signs nothing any more: who does has stolen it."""
        origin, latest = self.report.origins[mark.key], self.report.origins[self._latest_key]
        origin.add(mark.size)
        if mark.key < self._latest_key:
            detail = f"{origin.name} signed checkpoint {mark.size}, after {latest.name} had signed"
            self.report.add(Kind.CHECKPOINT_OUT_OF_TURN, detail, mark.size - 1)
        self._latest_key = max(self._latest_key, mark.key)

    def _first_doubted(self, size: int) -> int:
        """Which leaf it is only a tile can tell; without one, the first that nothing vouches for."""
        bad = [p.index for p in self.report.findings.problems if p.index is not None]
        return min((i for i in bad if self.report.signed <= i < size), default=self.report.signed)

    def _add_root(self, level: int, node: bytes) -> None:
        """A node of an upper level; where it completes a tile, that is held against the stored one."""
        if len(self._upper) < level:
            self._upper.append([])
            self._complete.append(0)
        row = self._upper[level - 1]
        row.append(node)
        if len(row) == tiles.FULL_WIDTH:
            index = self._complete[level - 1]
            self._complete[level - 1] += 1
            stored = stored_tiles(self.opened, level, index, index + 1)
            above = root(row)
            check_tile(self.report.findings, (level, index), row, above, stored.get(index))
            row.clear()
            self._add_root(level + 1, above)

    def finish(self, size: int) -> None:
        self._check_ends(size)
        if self.known is not None:
            self._judge_known(self.known, size)
        self._check_strays(size)

    def _check_ends(self, size: int) -> None:
        """What is gone at the end, in the middle, or is there beyond it."""
        found = self.opened.execute(
            "SELECT (SELECT max(index) FROM audit_leaf WHERE index < %(size)s),"
            " (SELECT max(size) FROM audit_checkpoint WHERE size > %(size)s)",
            {"size": size},
        ).fetchone()
        last, beyond = found or (None, None)
        if self.gap is not None and last is not None and last > self.gap:
            self.report.add(Kind.LEAF_DELETED, f"there is no leaf {self.gap}", self.gap)
        elif self.gap is not None:
            detail = f"the head counts {size} leaves, {self.gap} are there"
            self.report.add(Kind.TAIL_MISSING, detail, self.gap)
        elif beyond is not None:
            detail = f"a checkpoint of {beyond} leaves is stored, the head counts {size}"
            self.report.add(Kind.TAIL_MISSING, detail, size)

    def _check_strays(self, size: int) -> None:
        with self.opened.cursor("leaves") as cursor:
            cursor.execute(
                "SELECT index, event_id FROM audit_leaf WHERE index < 0 OR index >= %s ORDER BY 1",
                [size],
            )
            for index, event in cursor:
                detail = (
                    f"leaf {index} (event {event}) is outside of the {size} that the head counts"
                )
                self.report.add(Kind.LEAF_INSERTED, detail, index)
        with self.opened.cursor("tiles") as cursor:
            cursor.execute(
                "SELECT level, index FROM audit_tile WHERE level NOT BETWEEN 0 AND 6 OR index < 0"
                " OR index >= %s::bigint >> (8 * (level + 1)) ORDER BY level, index",
                [size],
            )
            for level, index in cursor:
                detail = f"tile {level}/{index} is not of a tree of {size} leaves"
                self.report.add(Kind.TILE_INSERTED, detail)

    def _judge_known(self, known: Checkpoint, size: int) -> None:
        if known.size > size:
            detail = f"the checkpoint given has {known.size} leaves, the log {size}"
            self.report.add(Kind.LOG_ROLLED_BACK, detail, size)
        elif self._is_known_held is False:
            first = known.size - 1
            if self.report.signed >= known.size and not self._is_rewritten:
                detail = f"the checkpoint given, of {known.size} leaves, is of another history"
                self.report.add(Kind.LOG_FORKED, detail, first)
            else:
                detail = f"the leaves do not lead to the checkpoint given, of {known.size} leaves"
                self.report.add(Kind.HISTORY_REWRITTEN, detail, first)
