"""C2SP tlog-tiles: the tree and its entries as immutable files, 256 hashes or entries each.

The tile (level, index) holds, for i in `[0, width)`, the tree heads
`MTH(D[(index * 256 + i) * 256**level : (index * 256 + i + 1) * 256**level])`: leaf hashes at level
0, the roots of full tiles of the level below above it. Only the rightmost tile of a level may be
partial, with a width below 256, and no tile is empty. A tree of 70,000 leaves has 273 full tiles
and one of width 112 at level 0, one full and one of width 17 at level 1, one of width 1 at level 2.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from audit.proofs.errors import TileError
from audit.proofs.merkle import HASH_SIZE, root

HEIGHT = 8
FULL_WIDTH = 256
MAX_LEVEL = 63
MAX_ENTRY_SIZE = 65_535

FetchTile: TypeAlias = Callable[[int, int, int], bytes]
"""The bytes of the tile (level, index, width), exactly that wide."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)"
    r"/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """`width` hashes of the tree; the path of `Tile(0, 1234067, 5)` is below."""

    level: int
    index: int
    width: int = FULL_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level <= MAX_LEVEL:
            raise TileError(f"no tile level {self.level}")
        _check_position(self.index, self.width)

    @property
    def path(self) -> str:
        """`tile/0/x001/x234/067.p/5`"""
        return f"tile/{self.level}/{_encode_position(self.index, self.width)}"

    def exists_in(self, size: int) -> bool:
        """Whether a tree of that size has all of these hashes."""
        return self.index * FULL_WIDTH + self.width <= size >> (HEIGHT * self.level)


@dataclass(frozen=True, slots=True, order=True)
class EntryBundle:
    """The entries `[index * 256, index * 256 + width)`."""

    index: int
    width: int = FULL_WIDTH

    def __post_init__(self) -> None:
        _check_position(self.index, self.width)

    @property
    def path(self) -> str:
        """`tile/entries/x001/x234/067.p/5`"""
        return f"tile/entries/{_encode_position(self.index, self.width)}"

    def exists_in(self, size: int) -> bool:
        """Whether a tree of that size has all of these entries."""
        return self.index * FULL_WIDTH + self.width <= size


def parse_path(path: str) -> Tile | EntryBundle:
    """The resource at a path below the log's prefix; every resource has exactly one path."""
    if not (match := _PATH.fullmatch(path)):
        raise TileError("not a tile path")
    index = int(match["index"].replace("/", "").replace("x", ""))
    width = int(match["width"] or FULL_WIDTH)
    level = match["level"]
    resource = EntryBundle(index, width) if level == "entries" else Tile(int(level), index, width)
    if resource.path != path:  # Such as x000/001 for 001, or 001.p/256 for 001.
        raise TileError("not the canonical path of its tile")
    return resource


def tiles_of(size: int) -> Iterator[Tile]:
    """The tiles of a tree of that size, from level 0 up and left to right."""
    level, hashes = 0, size
    while hashes:
        full, partial = divmod(hashes, FULL_WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if partial:
            yield Tile(level, full, partial)
        level, hashes = level + 1, full


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """Concatenates `[1, 256]` hashes."""
    if not 1 <= len(hashes) <= FULL_WIDTH or any(len(digest) != HASH_SIZE for digest in hashes):
        raise TileError("a tile is made of 1 to 256 hashes of 32 bytes")
    return b"".join(hashes)


def decode_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile of that width, which must be its length."""
    if len(data) != width * HASH_SIZE:
        raise TileError(f"{len(data)} bytes are no tile of width {width}")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """`[1, 256]` entries, each after its length as a big-endian uint16: `00 02 68 69` for "hi"."""
    if not 1 <= len(entries) <= FULL_WIDTH or any(len(e) > MAX_ENTRY_SIZE for e in entries):
        raise TileError("an entry bundle is made of 1 to 256 entries of at most 65,535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle, which must be `width` of them and nothing more."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if at != len(data) or len(entries) != width:
        raise TileError(f"not an entry bundle of width {width}")
    return entries


def grow(size: int, leaves: Iterable[bytes], fetch_tile: FetchTile) -> Iterator[tuple[Tile, bytes]]:
    """The tiles to write when leaf hashes are added to a tree of `size` leaves.

    Only the partial tiles at the right edge of the old tree are read. Full tiles and the new right
    edge come out, level by level; widths between the two sizes do not.
    """
    level, start, row = 0, size, list(leaves)
    while row:
        index, width = divmod(start, FULL_WIDTH)
        if width:
            row = decode_tile(fetch_tile(level, index, width), width) + row
        complete = []
        for at in range(0, len(row), FULL_WIDTH):
            hashes = row[at : at + FULL_WIDTH]
            yield Tile(level, index + at // FULL_WIDTH, len(hashes)), encode_tile(hashes)
            if len(hashes) == FULL_WIDTH:
                complete.append(root(hashes))
        level, start, row = level + 1, index, complete


class TileReader:
    """Its `node` is a `merkle.NodeReader` over tiles: each node is computed from one tile.

    An inclusion or consistency proof touches at most a few tiles a level, each fetched once. The
    tiles are taken as they are: verify what is built from them against a checkpoint.
    """

    def __init__(self, fetch_tile: FetchTile, size: int) -> None:
        self.size = size
        self._fetch_tile = fetch_tile
        self._hashes = lru_cache(maxsize=64)(self._load)

    def node(self, level: int, index: int) -> bytes:
        """The hash over the leaves `[index * 2**level, (index + 1) * 2**level)`."""
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise TileError(f"no complete subtree ({level}, {index}) in a tree of {self.size}")
        tile_level, height = divmod(level, HEIGHT)
        tile_index, at = divmod(index << height, FULL_WIDTH)
        return root(self._hashes(tile_level, tile_index)[at : at + (1 << height)])

    def _load(self, level: int, index: int) -> list[bytes]:
        width = min(FULL_WIDTH, (self.size >> (HEIGHT * level)) - index * FULL_WIDTH)
        return decode_tile(self._fetch_tile(level, index, width), width)


def _check_position(index: int, width: int) -> None:
    if not 0 <= index < 2**63 or not 1 <= width <= FULL_WIDTH:
        raise TileError("no such tile index or width")


def _encode_position(index: int, width: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *high, low = (digits[at : at + 3] for at in range(0, len(digits), 3))
    partial = "" if width == FULL_WIDTH else f".p/{width}"
    return "".join(f"x{group}/" for group in high) + low + partial
