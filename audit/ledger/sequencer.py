"""Gives events their place: dense indexes, in order of their numbers, and the tiles above them.

Runs as the role `vigil_ledger`. One transaction a batch; a crash leaves the events pending.
"""

from django.db import connection, transaction

from audit.ledger.tree import fetch_tile
from audit.models import Head, Leaf, Tile
from audit.proofs import tiles
from audit.proofs.merkle import Frontier, root

BATCH = 4096


def sequence_pending() -> int:
    """Sequences up to 4,096 pending events and returns how many there were."""
    with transaction.atomic():
        # The lock is a statement of its own: what is read after it is what the last holder left.
        head = Head.objects.select_for_update().get()
        pending = _pending()
        if pending:
            _extend(head, pending)
    return len(pending)


def _pending() -> list[tuple[int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.event_id, e.leaf_hash FROM audit_pending p JOIN audit_event e"
            " ON e.id = p.event_id ORDER BY p.event_id LIMIT %s",
            [BATCH],
        )
        return [(number, bytes(leaf)) for number, leaf in cursor.fetchall()]


def _extend(head: Head, pending: list[tuple[int, bytes]]) -> None:
    size = head.size
    hashes = [leaf for _number, leaf in pending]
    frontier = Frontier(size, tuple(bytes(node) for node in head.frontier)).extend(hashes)
    grown = [
        (tile, data)
        for tile, data in tiles.grow(size, hashes, fetch_tile)
        if tile.width == tiles.FULL_WIDTH
    ]
    Leaf.objects.bulk_create(
        Leaf(index=size + offset, event_id=number, leaf_hash=leaf)
        for offset, (number, leaf) in enumerate(pending)
    )
    Tile.objects.bulk_create(
        Tile(
            level=tile.level,
            index=tile.index,
            data=data,
            root=root(tiles.decode_tile(data, tile.width)),
        )
        for tile, data in grown
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM audit_pending WHERE event_id = ANY(%s)",
            [[number for number, _leaf in pending]],
        )
        cursor.execute(
            "UPDATE audit_head SET size = %s, frontier = %s WHERE size = %s",
            [frontier.size, list(frontier.hashes), size],
        )
