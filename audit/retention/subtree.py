"""Nodes of the log's tree out of some of its leaves and a few stored nodes. Pure but for memory.

An archive holds the leaves of some ranges `[start, end)` and, of the tree outside of them, the nodes
that the proofs of each range's first and last leaf touch: enough for the proof of every leaf.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from audit.proofs.errors import ProofError
from audit.proofs.merkle import HASH_SIZE, NodeReader, inclusion_proof, node_hash, root

Range = tuple[int, int]
Node = tuple[int, int]
# Below this level a node is computed anew each time; above, some are remembered.
_LOW = 8


def ranges_of(indexes: Iterable[int]) -> list[Range]:
    """The gapless ranges of indexes: `[3, 4, 5, 9]` is `[(3, 6), (9, 10)]`. Raises `ProofError` where
    they do not rise."""
    ranges: list[Range] = []
    for index in indexes:
        start, end = ranges[-1] if ranges else (index, index)
        if index < end:
            raise ProofError(f"index {index} is out of order")
        if index == end and ranges:
            ranges[-1] = (start, index + 1)
        else:
            ranges.append((index, index + 1))
    return ranges


def outside(ranges: Sequence[Range], size: int, node: NodeReader) -> dict[Node, bytes]:
    """The nodes outside of the ranges that go with their leaves, at the tree's `size`."""
    touched: dict[Node, bytes] = {}

    def remembering(level: int, index: int) -> bytes:
        touched[level, index] = node(level, index)
        return touched[level, index]

    for start, end in ranges:
        for index in {start, end - 1}:
            inclusion_proof(index, size, remembering)
    return {at: found for at, found in touched.items() if not _overlaps(*at, ranges)}


class Subtree:
    """`node` is a `merkle.NodeReader`. What it knows of leaves it computes from leaves."""

    def __init__(self, leaves: Sequence[tuple[int, bytes]], stored: Mapping[Node, bytes]) -> None:
        """`leaves` are (start, hashes one after the other), of ranges that do not touch."""
        self._leaves = leaves
        self._ranges = [(start, start + len(data) // HASH_SIZE) for start, data in leaves]
        self._stored = stored
        self._remembered = lru_cache(maxsize=1 << 16)(self._compute)

    def leaf(self, index: int) -> bytes:
        for (start, end), (_, data) in zip(self._ranges, self._leaves, strict=True):
            if start <= index < end:
                at = (index - start) * HASH_SIZE
                return data[at : at + HASH_SIZE]
        raise ProofError(f"leaf {index} is not in it")

    def node(self, level: int, index: int) -> bytes:
        return self._remembered(level, index) if level >= _LOW else self._compute(level, index)

    def _compute(self, level: int, index: int) -> bytes:
        first, end = index << level, (index + 1) << level
        for (start, stop), (_, data) in zip(self._ranges, self._leaves, strict=True):
            if start <= first and end <= stop and level <= _LOW:
                at, upto = (first - start) * HASH_SIZE, (end - start) * HASH_SIZE
                return root([bytes(data[n : n + HASH_SIZE]) for n in range(at, upto, HASH_SIZE)])
        if level and _overlaps(level, index, self._ranges):
            return node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
        try:
            return self._stored[level, index]
        except KeyError:
            raise ProofError(f"node {level}/{index} of the tree is missing") from None


def _overlaps(level: int, index: int, ranges: Sequence[Range]) -> bool:
    first, end = index << level, (index + 1) << level
    return any(start < end and first < stop for start, stop in ranges)
