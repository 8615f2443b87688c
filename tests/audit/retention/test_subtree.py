"""Proofs out of some leaves and a few nodes, for all small trees."""

import hashlib

import pytest

from audit.proofs.errors import ProofError
from audit.proofs.merkle import inclusion_proof, root, verify_inclusion
from audit.retention.subtree import Subtree, outside, ranges_of


def leaf(index: int) -> bytes:
    return hashlib.sha256(b"%d" % index).digest()


def node(level: int, index: int) -> bytes:
    return root([leaf(n) for n in range(index << level, (index + 1) << level)])


def subtree(ranges: list[tuple[int, int]], size: int) -> Subtree:
    leaves = [(a, b"".join(leaf(n) for n in range(a, b))) for a, b in ranges]
    return Subtree(leaves, outside(ranges, size, node))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21, 32, 45])
def test_every_leaf_of_every_range_is_proven(size: int) -> None:
    whole = root([leaf(n) for n in range(size)])
    for start in range(size):
        for end in range(start + 1, size + 1):
            tree = subtree([(start, end)], size)
            for index in range(start, end):
                proof = inclusion_proof(index, size, tree.node)
                verify_inclusion(
                    leaf=tree.leaf(index), index=index, size=size, proof=proof, root=whole
                )


@pytest.mark.parametrize("gap", [(0, 3, 5, 9), (2, 4, 17, 30), (600, 900, 901, 1100)])
def test_so_is_every_leaf_of_several_ranges(gap: tuple[int, int, int, int]) -> None:
    a, b, c, d = gap
    size = d + 7
    tree = subtree([(a, b), (c, d)], size)
    whole = root([leaf(n) for n in range(size)])
    for index in (a, b - 1, c, d - 1):
        proof = inclusion_proof(index, size, tree.node)
        verify_inclusion(leaf=tree.leaf(index), index=index, size=size, proof=proof, root=whole)
    with pytest.raises(ProofError):
        tree.leaf(b)


def test_ranges_have_no_gaps() -> None:
    assert ranges_of([]) == []
    assert ranges_of([3, 4, 5, 9]) == [(3, 6), (9, 10)]
