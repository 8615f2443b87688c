"""A stretch of the log's leaves: its part of the tree, the tiles over it, the checkpoints inside it.

What a worker process does; it has no Django. The stretches are put together in `verify_tree`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from audit.ledger.kinds import Kind
from audit.ledger.report import Findings
from audit.proofs import checkpoint as c2sp
from audit.proofs import tiles
from audit.proofs.errors import ProofError
from audit.proofs.keys import Verifier
from audit.proofs.merkle import Frontier, root

SPAN = 64 * tiles.FULL_WIDTH


@dataclass(frozen=True, slots=True)
class LeafTask:
    """The leaves `[start, end)`; `start` is a multiple of `SPAN`. `known` is the size of a checkpoint
    that somebody kept, `vkeys` are the keys that are trusted, in the order of their time."""

    start: int
    end: int
    vkeys: tuple[str, ...]
    known: int | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A size at which a root was promised. `frontier` is that of this stretch's leaves up to there,
    `signed` the root of the stored checkpoint, None where its signature does not hold or where the
    mark is that of the kept one. `key` is the place of the key that signed it among the trusted ones."""

    size: int
    frontier: Frontier
    signed: bytes | None
    key: int = 0


@dataclass(slots=True)
class Stretch:
    """`frontier` covers the leaves up to `gap`, the first index that has none."""

    start: int
    frontier: Frontier = field(default_factory=Frontier)
    tile_roots: list[bytes] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    gap: int | None = None
    findings: Findings = field(default_factory=Findings)


def walk_leaves(opened: psycopg.Connection[tuple[Any, ...]], task: LeafTask) -> Stretch:
    found = Stretch(task.start)
    hashes = _hashes(opened, task, found)
    promised = _promised(opened, task, found.findings)
    stored = stored_tiles(opened, 0, task.start // tiles.FULL_WIDTH, task.end // tiles.FULL_WIDTH)
    for offset in range(0, len(hashes), tiles.FULL_WIDTH):
        tile = hashes[offset : offset + tiles.FULL_WIDTH]
        inner, done = Frontier(), 0
        start, end = task.start + offset, task.start + offset + len(tile)
        for size in sorted(size for size in promised if start < size <= end):
            inner, done = inner.extend(tile[done : size - start]), size - start
            joined = found.frontier.join(inner)
            found.marks += [Mark(size, joined, *promise) for promise in promised[size]]
        inner = inner.extend(tile[done:])
        found.frontier = found.frontier.join(inner)
        if len(tile) == tiles.FULL_WIDTH:
            index = start // tiles.FULL_WIDTH
            found.tile_roots.append(inner.hashes[0])
            check_tile(found.findings, (0, index), tile, inner.hashes[0], stored.get(index))
    return found


def _hashes(
    opened: psycopg.Connection[tuple[Any, ...]], task: LeafTask, found: Stretch
) -> list[bytes]:
    """The leaf hashes as stored, up to the first gap."""
    cursor = opened.cursor(binary=True)
    cursor.execute(
        "SELECT index, leaf_hash FROM audit_leaf WHERE index >= %s AND index < %s ORDER BY index",
        [task.start, task.end],
    )
    hashes: list[bytes] = []
    for expected, (index, leaf) in enumerate(cursor, start=task.start):
        if index != expected:
            break
        hashes.append(leaf)
    if len(hashes) < task.end - task.start:
        found.gap = task.start + len(hashes)
    return hashes


def _promised(
    opened: psycopg.Connection[tuple[Any, ...]], task: LeafTask, findings: Findings
) -> dict[int, list[tuple[bytes | None, int]]]:
    """The roots that the stored checkpoints promise, by size, and None for the kept one's size."""
    verifiers = [Verifier.parse(vkey) for vkey in task.vkeys]
    promised: dict[int, list[tuple[bytes | None, int]]] = {}
    checkpoints = opened.execute(
        "SELECT size, root, note FROM audit_checkpoint WHERE size > %s AND size <= %s ORDER BY size",
        [task.start, task.end],
    )
    for size, stored, note in checkpoints:
        try:
            signed, key = c2sp.Checkpoint.open_by(note, verifiers)
        except ProofError as error:
            detail = f"checkpoint {size}: {error}"
            findings.add(Kind.CHECKPOINT_NOT_SIGNED, detail, size - 1)
            continue
        if (signed.size, signed.root) != (size, stored):
            detail = f"checkpoint {size} is not what was signed"
            findings.add(Kind.CHECKPOINT_CHANGED, detail, size - 1)
            continue
        promised[size] = [(signed.root, verifiers.index(key))]
    if task.known is not None and task.start < task.known <= task.end:
        promised.setdefault(task.known, []).append((None, 0))
    return promised


def stored_tiles(
    opened: psycopg.Connection[tuple[Any, ...]], level: int, start: int, end: int
) -> dict[int, tuple[bytes, bytes]]:
    """The roots and hashes of the tiles `[start, end)` of a level."""
    cursor = opened.cursor(binary=True)
    cursor.execute(
        "SELECT index, root, data FROM audit_tile WHERE level = %s AND index >= %s AND index < %s",
        [level, start, end],
    )
    return {index: (kept, data) for index, kept, data in cursor}


def check_tile(
    findings: Findings,
    place: tuple[int, int],
    hashes: Sequence[bytes],
    wanted: bytes,
    stored: tuple[bytes, bytes] | None,
) -> None:
    """The full tile at `place`, level and index; `wanted` is the root of its hashes."""
    level, index = place
    width = 1 << tiles.HEIGHT * level
    first = index * tiles.FULL_WIDTH * width
    if stored is None:
        findings.add(Kind.TILE_DELETED, f"tile {level}/{index} is not there", first)
        return
    kept, data = stored
    if data != tiles.encode_tile(hashes):
        found = tiles.decode_tile(data, tiles.FULL_WIDTH)
        at = next(
            at for at, pair in enumerate(zip(found, hashes, strict=True)) if len(set(pair)) > 1
        )
        detail = f"tile {level}/{index} has another hash at {at} than the tree"
        findings.add(Kind.TILE_CHANGED, detail, first + at * width)
        # One that is whole in itself differs in its hashes alone.
        wanted = kept if kept == root(found) else wanted
    if kept != wanted:
        detail = f"the root of tile {level}/{index} is not that of the tree"
        findings.add(Kind.TILE_ROOT_CHANGED, detail, first)
