"""Every proof is built and verified as RFC 6962 has it, and no altered proof is accepted."""

import random
from itertools import product

import pytest

from audit.proofs.errors import ProofError
from audit.proofs.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.audit.proofs.rfc6962 import ReferenceTree

SIZES = range(1, 301)
SMALL_SIZES = range(1, 33)


def flip(digest: bytes, bit: int) -> bytes:
    return (int.from_bytes(digest, "big") ^ 1 << bit).to_bytes(len(digest), "big")


def is_included(leaf: bytes, index: int, size: int, proof: list[bytes], head: bytes) -> bool:
    try:
        verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=head)
    except ProofError:
        return False
    return True


def is_consistent(tree: ReferenceTree, old: int, new: int, proof: list[bytes]) -> bool:
    try:
        verify_consistency(
            old_size=old,
            old_root=tree.mth(0, old),
            new_size=new,
            new_root=tree.mth(0, new),
            proof=proof,
        )
    except ProofError:
        return False
    return True


PAIRS = [(old, new) for new in SIZES for old in range(1, new)]


def test_root_is_the_rfc_tree_head(tree: ReferenceTree) -> None:
    for size in range(301):
        assert root(tree.leaves(0, size)) == tree.mth(0, size)


def test_inclusion_of_every_index_at_every_size(tree: ReferenceTree) -> None:
    for size in SIZES:
        head = tree.mth(0, size)
        for index in range(size):
            proof = inclusion_proof(index, size, tree.node)
            assert proof == tree.path(index, 0, size)
            assert is_included(tree.leaf(index), index, size, proof, head)


def test_no_altered_inclusion_proof_is_accepted(tree: ReferenceTree) -> None:
    some = random.Random(6962)
    for size in SIZES:
        head = tree.mth(0, size)
        for index in range(size):
            leaf, proof = tree.leaf(index), tree.path(index, 0, size)
            at, bit = some.randrange(len(proof) + 1), some.randrange(256)
            assert not is_included(leaf, index, size, [*proof[:at], head, *proof[at:]], head)
            assert not is_included(leaf, (index + 1 + at) % (size + 1), size, proof, head)
            assert not is_included(flip(leaf, bit), index, size, proof, head)
            if at < len(proof):
                changed = [*proof[:at], flip(proof[at], bit), *proof[at + 1 :]]
                assert not is_included(leaf, index, size, changed, head)
                assert not is_included(leaf, index, size, proof[:at] + proof[at + 1 :], head)


def test_no_inclusion_proof_holds_for_another_index_or_node_changed(tree: ReferenceTree) -> None:
    for size in SMALL_SIZES:
        head = tree.mth(0, size)
        for index in range(size):
            leaf, proof = tree.leaf(index), tree.path(index, 0, size)
            accepted = [i for i in range(-1, size + 2) if is_included(leaf, i, size, proof, head)]
            assert accepted == [index]
            for at, bit in product(range(len(proof)), (0, 7, 255)):
                changed = [*proof[:at], flip(proof[at], bit), *proof[at + 1 :]]
                assert not is_included(leaf, index, size, changed, head)


def test_an_inner_node_is_no_leaf(tree: ReferenceTree) -> None:
    """What the 0x00 and 0x01 prefixes are for: a tree of 4 is not a tree of 2 pairs."""
    pair = tree.entries[0:2]
    assert root([tree.mth(0, 2), tree.mth(2, 4)]) == tree.mth(0, 4)
    assert tree.mth(0, 2) != ReferenceTree([tree.leaf(0) + tree.leaf(1)]).leaf(0)
    assert tree.mth(0, 2) != ReferenceTree([b"".join(pair)]).leaf(0)


def test_consistency_of_every_two_sizes(tree: ReferenceTree) -> None:
    for old, new in PAIRS:
        proof = consistency_proof(old, new, tree.node)
        assert proof == tree.proof(old, new)
        assert is_consistent(tree, old, new, proof)


def test_no_altered_consistency_proof_is_accepted(tree: ReferenceTree) -> None:
    some = random.Random(6962)
    for old, new in PAIRS:
        proof = tree.proof(old, new)
        at, bit = some.randrange(len(proof)), some.randrange(256)
        changed = [*proof[:at], flip(proof[at], bit), *proof[at + 1 :]]
        assert not is_consistent(tree, old, new, changed)
        assert not is_consistent(tree, old, new, proof[:at] + proof[at + 1 :])
        assert not is_consistent(tree, old, new, [*proof[:at], tree.mth(0, old), *proof[at:]])
        assert not is_consistent(tree, old, new, [])
        assert not is_consistent(tree, old, new, proof[::-1]) or len(proof) == 1
        assert not is_consistent(tree, old - 1, new, proof)
        assert not is_consistent(tree, new, old, proof)


def test_a_rewritten_past_is_not_consistent(tree: ReferenceTree) -> None:
    """Whatever proof the new tree can give, an old tree with one other entry is no prefix of it."""
    for old, new in [(1, 2), (4, 7), (6, 8), (7, 300), (128, 300)]:
        forged = ReferenceTree([*tree.entries[: old - 1], b"forged", *tree.entries[old:]])
        for prover in (tree, forged):
            with pytest.raises(ProofError):
                verify_consistency(
                    old_size=old,
                    old_root=tree.mth(0, old),
                    new_size=new,
                    new_root=forged.mth(0, new),
                    proof=prover.proof(old, new),
                )


def test_a_tree_is_consistent_with_itself_and_the_empty_tree_by_no_proof(
    tree: ReferenceTree,
) -> None:
    for size in range(20):
        assert consistency_proof(size, size, tree.node) == []
        assert consistency_proof(0, size, tree.node) == []
        assert is_consistent(tree, size, size, [])
        assert is_consistent(tree, 0, size, [])
        assert not is_consistent(tree, size, size, [EMPTY_ROOT])
        assert not is_consistent(tree, 0, size, [EMPTY_ROOT])


def test_the_empty_tree_has_one_root(tree: ReferenceTree) -> None:
    other = tree.leaf(0)
    for old_root, new_size, new_root in [
        (other, 3, other),
        (other, 0, other),
        (EMPTY_ROOT, 0, other),
    ]:
        with pytest.raises(ProofError):
            verify_consistency(
                old_size=0, old_root=old_root, new_size=new_size, new_root=new_root, proof=[]
            )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (5, 5), (-1, 5), (9, 5)])
def test_a_leaf_outside_the_tree_has_no_proof(tree: ReferenceTree, index: int, size: int) -> None:
    with pytest.raises(ProofError, match="no leaf"):
        inclusion_proof(index, size, tree.node)
    assert not is_included(tree.leaf(0), index, size, [], tree.leaf(0))


@pytest.mark.parametrize(("old", "new"), [(2, 1), (-1, 1), (301, 300)])
def test_a_larger_tree_is_no_prefix(tree: ReferenceTree, old: int, new: int) -> None:
    with pytest.raises(ProofError, match="not a prefix"):
        consistency_proof(old, new, tree.node)


def test_hashes_of_another_length_are_refused(tree: ReferenceTree) -> None:
    leaf, proof, head = tree.leaf(1), tree.path(1, 0, 4), tree.mth(0, 4)
    assert is_included(leaf, 1, 4, proof, head)
    assert not is_included(leaf[:-1], 1, 4, proof, head)
    assert not is_included(leaf, 1, 4, proof, head + b"\x00")
    assert not is_included(leaf, 1, 4, [*proof, b""], head)
    assert not is_included(leaf, 1, 4, [proof[0] + proof[1]], head)


def test_bytes_moved_between_neighbours_are_noticed(tree: ReferenceTree) -> None:
    """A node hashes its halves joined; only their lengths tell where one ends."""
    leaf, (sibling, *rest) = tree.leaf(0), tree.path(0, 0, 4)
    assert not is_included(leaf[:31], 0, 4, [leaf[31:] + sibling, *rest], tree.mth(0, 4))
    old_root, (added,) = tree.mth(0, 2), tree.proof(2, 3)
    with pytest.raises(ProofError):
        verify_consistency(
            old_size=2,
            old_root=old_root[:31],
            new_size=3,
            new_root=tree.mth(0, 3),
            proof=[old_root[31:] + added],
        )
    with pytest.raises(ProofError):
        root([leaf[:31], leaf[31:] + sibling])


def test_a_tree_does_not_shrink_though_its_root_is_kept(tree: ReferenceTree) -> None:
    head = tree.mth(0, 4)
    for size in (1, 2, 3):
        with pytest.raises(ProofError, match="not a prefix"):
            verify_consistency(old_size=4, old_root=head, new_size=size, new_root=head, proof=[])


def test_refusals_say_what_is_wrong(tree: ReferenceTree) -> None:
    leaf, path, head = tree.leaf(5), tree.path(5, 0, 8), tree.mth(0, 8)
    for proof, reason in [
        (path[:-1], "too short"),
        ([*path, head], "too long"),
        (path[::-1], "another root"),
    ]:
        with pytest.raises(ProofError, match=reason):
            verify_inclusion(leaf=leaf, index=5, size=8, proof=proof, root=head)


def test_proofs_read_at_most_two_nodes_a_level(large_tree: ReferenceTree) -> None:
    some = random.Random(6962)
    for size in (1, 255, 65_535, 70_000):
        reads: list[tuple[int, int]] = []

        def node(level: int, index: int, reads: list[tuple[int, int]] = reads) -> bytes:
            reads.append((level, index))
            return large_tree.node(level, index)

        for index in some.choices(range(size), k=50):
            reads.clear()
            inclusion_proof(index, size, node)
            assert len(reads) <= 2 * size.bit_length()
            reads.clear()
            consistency_proof(index + 1, size, node)
            assert len(reads) <= 2 * size.bit_length()


class TestFrontier:
    def test_grows_leaf_by_leaf(self, tree: ReferenceTree) -> None:
        frontier = Frontier()
        for size in range(300):
            assert frontier.size == size
            assert frontier.root() == tree.mth(0, size)
            assert frontier == Frontier.read(size, tree.node)
            assert frontier == Frontier(size, frontier.hashes)
            frontier = frontier.append(tree.leaf(size))

    def test_grows_from_any_size_by_any_number(self, tree: ReferenceTree) -> None:
        for size, more in product(range(18), range(18)):
            grown = Frontier.read(size, tree.node).extend(tree.leaves(size, size + more))
            assert grown == Frontier.read(size + more, tree.node)

    def test_joins_what_was_hashed_elsewhere(self, tree: ReferenceTree) -> None:
        for size, more in product(range(0, 64, 16), range(16 + 1)):
            right = Frontier().extend(tree.leaves(size, size + more))
            joined = Frontier.read(size, tree.node).join(right)
            assert joined == Frontier.read(size + more, tree.node)

    @pytest.mark.parametrize(("size", "more"), [(1, 2), (3, 2), (4, 8), (6, 5)])
    def test_joins_no_subtree_where_none_can_begin(
        self, tree: ReferenceTree, size: int, more: int
    ) -> None:
        right = Frontier().extend(tree.leaves(size, size + more))
        with pytest.raises(ProofError, match="begins at"):
            Frontier.read(size, tree.node).join(right)

    def test_holds_complete_subtrees_largest_first(self, tree: ReferenceTree) -> None:
        assert Frontier.read(13, tree.node).hashes == (
            tree.mth(0, 8),
            tree.mth(8, 12),
            tree.mth(12, 13),
        )

    def test_is_never_changed(self, tree: ReferenceTree) -> None:
        frontier = Frontier.read(3, tree.node)
        frontier.append(tree.leaf(3))
        assert frontier == Frontier.read(3, tree.node)

    @pytest.mark.parametrize(
        ("size", "hashes"),
        [(0, [EMPTY_ROOT]), (1, []), (3, [EMPTY_ROOT]), (-1, [EMPTY_ROOT]), (1, [b"short"])],
    )
    def test_refuses_hashes_that_make_no_tree_of_its_size(
        self, size: int, hashes: list[bytes]
    ) -> None:
        with pytest.raises(ProofError):
            Frontier(size, tuple(hashes))

    def test_refuses_what_is_no_hash(self) -> None:
        with pytest.raises(ProofError):
            Frontier().append(b"entry")
