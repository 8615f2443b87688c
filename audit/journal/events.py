"""The ledger's side of a reconciliation."""

from collections.abc import Iterator

from django.db import connection

from audit.journal.findings import Committed

BATCH = 5000


def committed_events(first_event: int = 0) -> Iterator[Committed]:
    """All events from that number on, in batches, each of its own statement: what commits behind
    a batch is still being told of by a running process, and counts as in flight."""
    after = first_event - 1
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT id, leaf_hash, writer_id, writer_seq FROM audit_event"
                " WHERE id > %s ORDER BY id LIMIT %s",
                [after, BATCH],
            )
            rows = cursor.fetchall()
            if not rows:
                return
            for event_id, leaf, writer, seq in rows:
                yield Committed(event_id, bytes(leaf), writer, seq)
            after = rows[-1][0]
