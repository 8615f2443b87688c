"""How long the oldest event has waited for a checkpoint over it. Until then, nobody outside could tell
an edit of it: where that takes too long, nothing more is changed."""

import time

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from portal.lib.errors import AuditUnavailable

log = structlog.get_logger(__name__)

# The first leaf above the newest checkpoint, or else the first event that waits to become a leaf.
OLDEST_UNSIGNED = """
SELECT extract(epoch FROM clock_timestamp() - e.at)::float FROM audit_event e WHERE e.id = coalesce(
    (SELECT event_id FROM audit_leaf
     WHERE index = coalesce((SELECT max(size) FROM audit_checkpoint), 0)),
    (SELECT min(event_id) FROM audit_pending))
"""
LOOK_EVERY = 1.0
POLL = 0.02


class CheckpointLate(AuditUnavailable):
    """`reason` is for logs and operators; who asked is told the default message."""

    def __init__(self, waited: float) -> None:
        super().__init__()
        self.reason = (
            f"The oldest event had waited {waited:.0f} s for a signed checkpoint;"
            f" {settings.MAX_CHECKPOINT_LAG:.0f} s is the limit."
        )


_looked: dict[str, float] = {}


def seconds() -> float:
    """0 where every event is under a checkpoint."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_UNSIGNED)
        row = cursor.fetchone()
    return row[0] if row else 0.0


def guard() -> None:
    """Raises `AuditUnavailable` while the oldest event has waited longer than the limit. That all is
    well is believed for a second; that it is not, never."""
    database, now = connection.settings_dict["NAME"], time.monotonic()
    if now - _looked.get(database, float("-inf")) < LOOK_EVERY:
        return
    try:
        waited = seconds()
    except DatabaseError as error:
        raise AuditUnavailable from error
    if waited > settings.MAX_CHECKPOINT_LAG:
        log.critical("checkpoint_lag", seconds=round(waited), limit=settings.MAX_CHECKPOINT_LAG)
        raise CheckpointLate(waited)
    _looked[database] = now


def await_checkpoint(event_id: int) -> None:
    """Returns once a signed checkpoint covers the event, tens of milliseconds later where the signer
    keeps up. After `CHECKPOINT_WAIT` seconds it says in the log that it is late: what is committed is
    done, and `guard` sees to what comes next."""
    deadline = time.monotonic() + settings.CHECKPOINT_WAIT
    while not _is_signed(event_id):
        if time.monotonic() >= deadline:
            log.critical("checkpoint_late", event_id=event_id, waited=settings.CHECKPOINT_WAIT)
            return
        time.sleep(POLL)


def _is_signed(event_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM audit_leaf WHERE event_id = %s"
            " AND index < (SELECT max(size) FROM audit_checkpoint))",
            [event_id],
        )
        return bool(cursor.fetchone()[0])


def forget() -> None:
    """Makes the next call look again."""
    _looked.clear()
