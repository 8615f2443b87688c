"""Merkle trees, inclusion proofs and consistency proofs of RFC 6962 §2.1.

`MTH({}) = SHA-256()`, `MTH({d}) = SHA-256(0x00 || d)`, and for more leaves
`MTH(D[0:n)) = SHA-256(0x01 || MTH(D[0:k)) || MTH(D[k:n)))` with k the largest power of two below n.

Proofs are built from a node reader, `node(level, index)`: the hash of the complete subtree over
the leaves `[index * 2**level, (index + 1) * 2**level)`. They need at most two reads a tree level,
so they cost the same few reads whether nodes come from memory, rows or tiles.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self, TypeAlias

from audit.proofs.errors import ProofError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 §2.1: `SHA-256(0x00 || entry)`; `leaf_hash(b"").hex()` starts with `6e340b9c`."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 §2.1: `SHA-256(0x01 || left || right)`."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """The tree head over leaf hashes, `MTH(D[0:n))`; holds O(log n) hashes in memory."""
    return Frontier().extend(hashes).root()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves, reduced to what it takes to add more: its complete subtrees.

    `hashes` are their roots, largest and leftmost first, one for each bit set in `size`. A tree of
    13 leaves has three: `[0, 8)`, `[8, 12)` and `[12, 13)`.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ProofError(f"{len(self.hashes)} hashes are no frontier of size {self.size}")
        _check_hashes(*self.hashes)

    @classmethod
    def read(cls, size: int, node: NodeReader) -> Self:
        """The frontier of the first `size` leaves, from stored nodes."""
        return cls(size, tuple(node(level, index) for level, index in _subtrees(0, size)))

    def append(self, leaf: bytes) -> Self:
        """The frontier one leaf hash later."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """The frontier after these leaf hashes, in order."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            _check_hashes(leaf)
            merged, pairs = leaf, size
            while pairs & 1:  # As in counting: each trailing one carries.
                merged, pairs = node_hash(hashes.pop(), merged), pairs >> 1
            hashes.append(merged)
            size += 1
        return type(self)(size, tuple(hashes))

    def join(self, right: Self) -> Self:
        """The frontier of these leaves and then those of `right`, whose hashing may have been done
        elsewhere. This size must be a multiple of the largest subtree of `right`."""
        size, hashes = self.size, list(self.hashes)
        for (level, _index), subtree in zip(_subtrees(0, right.size), right.hashes, strict=True):
            if size % (1 << level):
                raise ProofError(f"no subtree of {1 << level} leaves begins at {size}")
            merged, pairs = subtree, size >> level
            while pairs & 1:
                merged, pairs = node_hash(hashes.pop(), merged), pairs >> 1
            hashes.append(merged)
            size += 1 << level
        return type(self)(size, tuple(hashes))

    def root(self) -> bytes:
        return _fold(self.hashes)


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """RFC 6962 §2.1.1, `PATH(index, D[0:size))`: the siblings from the leaf up to the root."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of size {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """RFC 6962 §2.1.2, `PROOF(old, D[0:new))`. It is empty if `old` is `new` or 0."""
    if not 0 <= old <= new:
        raise ProofError(f"size {old} is not a prefix of size {new}")
    if old == 0:
        return []
    path = []
    start, end = 0, new
    while end != old:
        middle = _split(start, end)
        if old <= middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    if start:  # From 0 it is the old root itself, which the verifier has.
        path.append(_range_hash(start, end, node))
    return path[::-1]


def verify_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """RFC 9162 §2.1.3.2: leaf hash `leaf` is at `index` in the tree of that size and root.

    The size must come with the root from a verified checkpoint: a proof alone does not bind it.
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of size {size}")
    running = leaf
    for sibling, is_left in _walk(index, size - 1, proof):
        running = node_hash(sibling, running) if is_left else node_hash(running, sibling)
    if running != root:
        raise ProofError("the inclusion proof leads to another root")


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """RFC 9162 §2.1.4.2: the first `old_size` leaves of the new tree are the old tree.

    The empty tree is a prefix of every tree, by an empty proof, and has one root: `EMPTY_ROOT`.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old_size <= new_size:
        raise ProofError(f"size {old_size} is not a prefix of size {new_size}")
    if old_size in (0, new_size):
        expected = new_root if old_size == new_size else EMPTY_ROOT
        if proof or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise ProofError("the trees are not consistent")
        return
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    # A complete old tree is itself where the path starts, and therefore left out of the proof.
    path = list(proof) if position else [old_root, *proof]
    if not path:
        raise ProofError("the consistency proof is empty")
    old_running = new_running = path[0]
    for sibling, is_left in _walk(position, last, path[1:]):
        if is_left:
            old_running = node_hash(sibling, old_running)
            new_running = node_hash(sibling, new_running)
        else:
            new_running = node_hash(new_running, sibling)
    if (old_running, new_running) != (old_root, new_root):
        raise ProofError("the trees are not consistent")


def _walk(position: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The nodes of a proof on the way up to the root, and whether each is a left sibling.

    The way starts at node `position` of a level whose rightmost node is `last`.
    """
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        is_left = bool(position & 1) or position == last
        yield sibling, is_left
        while is_left and position and not position & 1:  # The right edge has no sibling here.
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")


def _split(start: int, end: int) -> int:
    """Where RFC 6962 divides `[start, end)`: after the largest power of two below its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees (level, index) that make up `[start, end)`, largest first.

    `start` must be a multiple of the largest one's size, as it is wherever RFC 6962 splits.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_hash(start: int, end: int, node: NodeReader) -> bytes:
    return _fold([node(level, index) for level, index in _subtrees(start, end)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """`MTH` from complete subtrees of falling size."""
    if not hashes:
        return EMPTY_ROOT
    *rest, folded = hashes
    for left in reversed(rest):
        folded = node_hash(left, folded)
    return folded


def _check_hashes(*hashes: bytes) -> None:
    if any(len(digest) != HASH_SIZE for digest in hashes):
        raise ProofError(f"a hash is not {HASH_SIZE} bytes")
