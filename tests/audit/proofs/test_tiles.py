"""Tiles hold what C2SP tlog-tiles says, under one path each, and give back every node."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.errors import ProofError, TileError
from audit.proofs.merkle import (
    consistency_proof,
    inclusion_proof,
    root,
    verify_consistency,
    verify_inclusion,
)
from audit.proofs.tiles import (
    EntryBundle,
    Tile,
    TileReader,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
    grow,
    parse_path,
    tiles_of,
)
from tests.audit.proofs.rfc6962 import ReferenceTree

WIDTHS = st.integers(1, 256)
INDEXES = st.integers(0, 2**63 - 1) | st.integers(0, 2_000_000)
SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 69_999, 70_000)


class TileStore:
    """The tiles of a growing tree as a server keeps them, with a count of what is read."""

    def __init__(self) -> None:
        self.tiles: dict[Tile, bytes] = {}
        self.reads: list[Tile] = []

    def fetch(self, level: int, index: int, width: int) -> bytes:
        self.reads.append(Tile(level, index, width))
        return self.tiles[self.reads[-1]]

    def grow(self, tree: ReferenceTree, old: int, new: int) -> list[Tile]:
        written = dict(grow(old, tree.leaves(old, new), self.fetch))
        self.tiles |= written
        return list(written)


def specified(tree: ReferenceTree, tile: Tile) -> bytes:
    """The formula of the specification, "Merkle Tree"."""
    n, span = tile.index, 256**tile.level
    return b"".join(
        tree.mth((n * 256 + i) * span, (n * 256 + i + 1) * span) for i in range(tile.width)
    )


@pytest.fixture(scope="session", params=SIZES)
def stored(request: pytest.FixtureRequest, large_tree: ReferenceTree) -> tuple[TileStore, int]:
    store = TileStore()
    store.grow(large_tree, 0, request.param)
    return store, request.param


class TestPaths:
    @pytest.mark.parametrize(
        ("resource", "path"),
        [
            (Tile(0, 1_234_067), "tile/0/x001/x234/067"),  # The example of the specification.
            (Tile(0, 0), "tile/0/000"),
            (Tile(0, 999), "tile/0/999"),
            (Tile(0, 1000), "tile/0/x001/000"),
            (Tile(2, 0, 1), "tile/2/000.p/1"),
            (Tile(63, 273, 112), "tile/63/273.p/112"),
            (EntryBundle(1_234_067), "tile/entries/x001/x234/067"),
            (EntryBundle(0, 255), "tile/entries/000.p/255"),
        ],
    )
    def test_examples(self, resource: Tile | EntryBundle, path: str) -> None:
        assert resource.path == path
        assert parse_path(path) == resource

    @given(st.builds(Tile, st.integers(0, 63), INDEXES, WIDTHS))
    def test_round_trip_of_tiles(self, tile: Tile) -> None:
        assert parse_path(tile.path) == tile

    @given(st.builds(EntryBundle, INDEXES, WIDTHS))
    def test_round_trip_of_bundles(self, bundle: EntryBundle) -> None:
        assert parse_path(bundle.path) == bundle

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "tile",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/000\n",
            "tile//000",
            "tile/00/000",
            "tile/01/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/data/000",
            "tile/entry/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x000/001",
            "tile/0/X001/000",
            "tile/0/x001//000",
            "tile/0/../000",
            "tile/0/\N{ARABIC-INDIC DIGIT ONE}00",
            "tile/0/x009/x223/x372/x036/x854/x775/808",
            "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/999",
            "tile/0/000.p/1000",
            "tile/0/000.p/-1",
            "tile/0/000.p/1/",
            "tile/0/000.P/1",
        ],
    )
    def test_other_spellings_are_refused(self, path: str) -> None:
        with pytest.raises(TileError):
            parse_path(path)

    @given(st.text() | st.text("tile/entrs.px0123456789").map("tile/0/".__add__))
    def test_whatever_parses_is_canonical(self, path: str) -> None:
        try:
            resource = parse_path(path)
        except TileError:
            return
        assert resource.path == path

    @pytest.mark.parametrize(
        ("level", "index", "width"),
        [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**63, 1), (0, 0, 0), (0, 0, 257)],
    )
    def test_no_such_tile(self, level: int, index: int, width: int) -> None:
        with pytest.raises(TileError):
            Tile(level, index, width)


class TestWhichTilesExist:
    def test_example_of_the_specification(self) -> None:
        tiles = list(tiles_of(70_000))
        assert tiles == [
            *(Tile(0, index) for index in range(273)),
            Tile(0, 273, 112),
            Tile(1, 0),
            Tile(1, 1, 17),
            Tile(2, 0, 1),
        ]

    def test_a_full_tile_is_a_hash_above(self) -> None:
        assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
        assert list(tiles_of(255)) == [Tile(0, 0, 255)]
        assert list(tiles_of(0)) == []

    @given(st.integers(0, 200_000))
    def test_a_tree_has_its_tiles_and_no_wider_ones(self, size: int) -> None:
        for tile in tiles_of(size):
            assert tile.exists_in(size)
            assert not tile.exists_in((tile.index * 256 + tile.width) * 256**tile.level - 1)
            if tile.width < 256:
                assert not Tile(tile.level, tile.index, tile.width + 1).exists_in(size)

    def test_entry_bundles_exist_as_level_0_tiles_do(self) -> None:
        assert EntryBundle(0, 3).exists_in(3)
        assert not EntryBundle(0, 3).exists_in(2)
        assert EntryBundle(1).exists_in(512)
        assert not EntryBundle(1).exists_in(511)


class TestTileBytes:
    def test_are_concatenated_hashes(self, tree: ReferenceTree) -> None:
        hashes = tree.leaves(0, 256)
        assert encode_tile(hashes) == b"".join(hashes)
        assert len(encode_tile(hashes)) == 8192
        assert decode_tile(encode_tile(hashes), 256) == hashes

    @pytest.mark.parametrize("hashes", [[], [b"short"], [bytes(32)] * 257])
    def test_of_no_tile_are_not_encoded(self, hashes: list[bytes]) -> None:
        with pytest.raises(TileError):
            encode_tile(hashes)

    @pytest.mark.parametrize("length", [0, 31, 33, 64, 8192])
    def test_of_another_width_are_refused(self, length: int) -> None:
        with pytest.raises(TileError):
            decode_tile(bytes(length), 1)


class TestEntryBundles:
    def test_example(self) -> None:
        data = bytes.fromhex("0002 6869 0000 0003 000a0d")
        assert encode_bundle([b"hi", b"", b"\x00\n\r"]) == data
        assert decode_bundle(data, 3) == [b"hi", b"", b"\x00\n\r"]

    def test_the_largest_entry(self) -> None:
        entry = bytes(65_535)
        assert encode_bundle([entry])[:2] == b"\xff\xff"
        assert decode_bundle(encode_bundle([entry]), 1) == [entry]

    @pytest.mark.parametrize("entries", [[], [bytes(65_536)], [b""] * 257])
    def test_what_does_not_fit_is_refused(self, entries: list[bytes]) -> None:
        with pytest.raises(TileError):
            encode_bundle(entries)

    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
    def test_round_trip(self, entries: list[bytes]) -> None:
        assert decode_bundle(encode_bundle(entries), len(entries)) == entries

    @given(st.lists(st.binary(max_size=10), min_size=1, max_size=5), st.data())
    def test_a_part_or_more_is_refused(self, entries: list[bytes], data: st.DataObject) -> None:
        bundle = encode_bundle(entries)
        cut = data.draw(st.integers(0, len(bundle) - 1))
        for damaged in (bundle[:cut], bundle + b"\x00", bundle + b"\x00\x00"):
            with pytest.raises(TileError):
                decode_bundle(damaged, len(entries))

    @given(st.binary(), WIDTHS)
    def test_whatever_decodes_encodes_the_same(self, data: bytes, width: int) -> None:
        try:
            entries = decode_bundle(data, width)
        except TileError:
            return
        assert encode_bundle(entries) == data


class TestGrowing:
    def test_writes_the_tiles_of_the_specification(
        self, stored: tuple[TileStore, int], large_tree: ReferenceTree
    ) -> None:
        store, size = stored
        assert list(store.tiles) == list(tiles_of(size))
        for tile, data in store.tiles.items():
            assert data == specified(large_tree, tile)

    @given(st.lists(st.integers(0, 700), max_size=8), st.randoms(use_true_random=False))
    def test_in_any_steps_leads_to_the_same_tiles(
        self, large_tree: ReferenceTree, steps: list[int], some: random.Random
    ) -> None:
        store, size = TileStore(), some.choice([0, 1, 255, 256, 300, 65_500])
        store.grow(large_tree, 0, size)
        for step in steps:
            store.grow(large_tree, size, size + step)
            size += step
            for tile in tiles_of(size):
                assert store.tiles[tile] == specified(large_tree, tile)

    def test_writes_only_what_changed_and_reads_only_the_edge(
        self, large_tree: ReferenceTree
    ) -> None:
        store = TileStore()
        store.grow(large_tree, 0, 65_535)
        assert store.reads == []
        assert store.grow(large_tree, 65_535, 65_536) == [
            Tile(0, 255),
            Tile(1, 0),
            Tile(2, 0, 1),
        ]
        assert store.reads == [Tile(0, 255, 255), Tile(1, 0, 255)]
        assert store.grow(large_tree, 65_536, 65_538) == [Tile(0, 256, 2)]
        assert len(store.reads) == 2
        assert store.grow(large_tree, 65_538, 65_538) == []

    def test_refuses_a_damaged_edge(self, large_tree: ReferenceTree) -> None:
        with pytest.raises(TileError):
            list(grow(3, large_tree.leaves(3, 4), lambda *_: bytes(64)))


class TestTileReader:
    def test_gives_every_kind_of_node(
        self, stored: tuple[TileStore, int], large_tree: ReferenceTree
    ) -> None:
        store, size = stored
        reader = TileReader(store.fetch, size)
        some = random.Random(size)
        for level in range(size.bit_length()):
            last = (size >> level) - 1
            for index in {0, last, *(some.randint(0, last) for _ in range(20))}:
                assert reader.node(level, index) == large_tree.node(level, index)

    def test_carries_proofs(self, stored: tuple[TileStore, int], large_tree: ReferenceTree) -> None:
        store, size = stored
        reader = TileReader(store.fetch, size)
        head = large_tree.mth(0, size)
        some = random.Random(size)
        for index in {0, size - 1, *(some.randrange(size) for _ in range(20))}:
            proof = inclusion_proof(index, size, reader.node)
            leaf = large_tree.leaf(index)
            verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=head)
            verify_consistency(
                old_size=index + 1,
                old_root=large_tree.mth(0, index + 1),
                new_size=size,
                new_root=head,
                proof=consistency_proof(index + 1, size, reader.node),
            )

    def test_fetches_at_most_two_tiles_a_level_for_an_inclusion_proof(
        self, stored: tuple[TileStore, int]
    ) -> None:
        store, size = stored
        levels = len({tile.level for tile in store.tiles})
        some = random.Random(size)
        for index in [0, size - 1, *(some.randrange(size) for _ in range(20))]:
            store.reads.clear()
            inclusion_proof(index, size, TileReader(store.fetch, size).node)
            assert len(store.reads) == len(set(store.reads)) <= 2 * levels

    @pytest.mark.parametrize(("level", "index"), [(0, 5), (1, 2), (3, 0), (-1, 0), (0, -1)])
    def test_has_no_incomplete_subtrees(
        self, large_tree: ReferenceTree, level: int, index: int
    ) -> None:
        store = TileStore()
        store.grow(large_tree, 0, 5)
        with pytest.raises(ProofError):
            TileReader(store.fetch, 5).node(level, index)

    def test_refuses_tiles_of_another_width(self, large_tree: ReferenceTree) -> None:
        data = encode_tile(large_tree.leaves(0, 4))
        with pytest.raises(TileError):
            TileReader(lambda *_: data, 5).node(0, 0)

    def test_a_changed_tile_leads_to_proofs_that_do_not_verify(
        self, large_tree: ReferenceTree
    ) -> None:
        hashes = [*large_tree.leaves(0, 4), bytes(32)]
        reader = TileReader(lambda *_: encode_tile(hashes), 5)
        assert root(hashes) != large_tree.mth(0, 5)
        with pytest.raises(ProofError):
            verify_inclusion(
                leaf=large_tree.leaf(0),
                index=0,
                size=5,
                proof=inclusion_proof(0, 5, reader.node),
                root=large_tree.mth(0, 5),
            )
