"""Reading from a replica in place of the database.

Never split-brain: each connection is asked whether its server still only follows, at every checkout,
and is opened to read alone. One that was promoted, has fallen behind, or cannot say how far it has
come is no replica to read from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from portal.database.away import away
from portal.lib.read_only import Reading, reading

ALIAS = "replica"

# `set_config` first: whatever follows on this connection only reads, whoever promotes its server.
_STANDING = """
SELECT set_config('default_transaction_read_only', 'on', false),
       pg_is_in_recovery(), pg_last_xact_replay_timestamp()
"""


class ReplicaUnusable(OperationalError):
    """It answers, and must not be read from."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All that was committed on the primary by `as_of` is there; None where it cannot say."""

    is_following: bool
    as_of: datetime | None


def standing(connection: BaseDatabaseWrapper) -> Standing:
    """Also makes the connection one that only reads."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING)
        _, is_following, as_of = cursor.fetchone()
    return Standing(is_following, as_of)


def is_configured() -> bool:
    return ALIAS in connections.settings


def usable(found: Standing, since: datetime) -> Reading:
    """Raises `ReplicaUnusable`. How old it is counts from when the database went away: nothing came
    since that it could have missed."""
    if not found.is_following:
        raise ReplicaUnusable("the replica was promoted: it is no replica any more")
    if found.as_of is None:
        raise ReplicaUnusable("the replica cannot say how far it has come")
    read = Reading(since, found.as_of)
    if read.behind > timedelta(seconds=settings.REPLICA_MAX_LAG):
        msg = f"the replica is {read.behind.total_seconds():.0f} s behind"
        raise ReplicaUnusable(msg)
    return read


@contextmanager
def instead_of_primary() -> Iterator[Reading]:
    """This thread's connection is one to the replica, for all that the body does.

    Raises `OperationalError` where there is none to read from.
    """
    primary, replica = connections["default"], connections[ALIAS]
    replica.close()
    try:
        # A connection that was left open is asked as well.
        read = usable(standing(replica), away.since())
        connections["default"] = replica
        with reading(read):
            yield read
    finally:
        connections["default"] = primary
        replica.close()
