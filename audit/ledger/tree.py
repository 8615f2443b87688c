"""Reads the log's tree from its rows: full tiles as stored, partial ones put together."""

from django.db import connection

from audit.models import Checkpoint, Head, Leaf, Tile
from audit.proofs import merkle, tiles
from audit.proofs.errors import TileError
from audit.proofs.tlog_proof import TlogProof


def fetch_tile(level: int, index: int, width: int) -> bytes:
    """The tile's bytes (C2SP tlog-tiles): one row, or at most 255. Raises `TileError` for no such tile."""
    full = Tile.objects.filter(level=level, index=index).values_list("data", flat=True).first()
    if full is not None:
        return bytes(full[: width * merkle.HASH_SIZE])
    start = index * tiles.FULL_WIDTH
    if level == 0:
        rows = Leaf.objects.filter(index__gte=start, index__lt=start + width)
        hashes = [bytes(row) for row in rows.order_by("index").values_list("leaf_hash", flat=True)]
    else:
        below = Tile.objects.filter(level=level - 1, index__gte=start, index__lt=start + width)
        hashes = [bytes(row) for row in below.order_by("index").values_list("root", flat=True)]
    if len(hashes) != width:
        msg = f"there is no tile {level}/{index} of width {width}"
        raise TileError(msg)
    return tiles.encode_tile(hashes)


def fetch_bundle(index: int, width: int) -> bytes:
    """The entries `[256 * index, 256 * index + width)` as one bundle."""
    start = index * tiles.FULL_WIDTH
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.entry FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id"
            " WHERE l.index >= %s AND l.index < %s ORDER BY l.index",
            [start, start + width],
        )
        entries = [bytes(row[0]) for row in cursor.fetchall()]
    if len(entries) != width:
        msg = f"there is no entry bundle {index} of width {width}"
        raise TileError(msg)
    return tiles.encode_bundle(entries)


def head_size() -> int:
    return Head.objects.values_list("size", flat=True).get()


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def prove(event_id: int) -> TlogProof | None:
    """The event's inclusion in the latest checkpoint; None while none covers it yet."""
    leaf = Leaf.objects.filter(event_id=event_id).first()
    checkpoint = latest_checkpoint()
    if leaf is None or checkpoint is None or leaf.index >= checkpoint.size:
        return None
    reader = tiles.TileReader(fetch_tile, checkpoint.size)
    hashes = merkle.inclusion_proof(leaf.index, checkpoint.size, reader.node)
    return TlogProof(leaf.index, tuple(hashes), checkpoint.note)
