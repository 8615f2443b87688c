"""What must hold before a replica is promoted, each with what was found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, connections

from audit.ledger import tree
from audit.proofs.errors import ProofError
from audit.proofs.merkle import Frontier
from audit.proofs.tiles import TileReader
from portal.database.away import away
from portal.database.replica import ALIAS, standing
from portal.failover.known import Known
from portal.lib.read_only import Reading


@dataclass(frozen=True, slots=True)
class Check:
    """What fails and `may_be_forced` is a loss that a person can decide to take; the rest is not."""

    title: str
    is_met: bool
    detail: str
    may_be_forced: bool = False


def primary() -> Check:
    """Unreachable, or no longer one that takes writes. An answer of any kind is one of a server that
    lives, and could go on taking writes beside the promoted one."""
    title = "The old primary takes no writes"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            (is_following,) = cursor.fetchone()
    except OperationalError as error:
        said = " ".join(str(error).split())
        if "FATAL" in said:
            return Check(title, is_met=False, detail=f"it answers: {said}")
        return Check(title, is_met=True, detail="it cannot be reached from here")
    finally:
        connection.close()
    if is_following:
        return Check(title, is_met=True, detail="it follows another server")
    return Check(title, is_met=False, detail="it answers and takes writes: stop or fence it first")


_POSITIONS = """
SELECT pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text,
       pg_last_wal_receive_lsn() IS NULL
           OR pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) <= 0,
       pg_is_wal_replay_paused()
"""


def replica() -> Iterator[Check]:
    """On the replica, in place of the database (see `from_replica`)."""
    found = standing(connections[ALIAS])
    yield Check(
        "The replica follows",
        found.is_following,
        "it is a standby" if found.is_following else "it was promoted already",
    )
    if not found.is_following:
        return
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS)
        received, replayed, is_complete, is_paused = cursor.fetchone()
    yield Check(
        "It has replayed all that it received",
        is_complete and not is_paused,
        f"received {received}, replayed {replayed}{', paused' if is_paused else ''}",
    )
    if found.as_of is None:
        yield Check("It says how far it has come", is_met=False, detail="nothing was replayed yet")
        return
    behind = Reading(away.since(), found.as_of).behind
    yield Check(
        "It was not far behind",
        behind <= timedelta(seconds=settings.REPLICA_MAX_LAG),
        f"it has what was committed by {found.as_of:%Y-%m-%d %H:%M:%S} UTC,"
        f" {behind.total_seconds():.0f} s before the database was missed",
        may_be_forced=True,
    )


def ledger(known: list[Known]) -> Iterator[Check]:
    """On the replica: no tree that was signed may be missing there, or be another one."""
    try:
        size, newest = tree.head_size(), tree.latest_checkpoint()
    except DatabaseError as error:
        yield Check("It has a ledger", is_met=False, detail=str(error).strip())
        return
    signed = newest.size if newest else 0
    yield Check(
        "It has a ledger",
        is_met=True,
        detail=f"{size} entries, {signed} of them under a checkpoint",
    )
    if not known:
        yield Check(
            "No signed entry is lost",
            is_met=False,
            detail="no checkpoint is known here: give one that was kept, with --checkpoint",
            may_be_forced=True,
        )
    for each in known:
        title = f"No entry is lost that is signed in {each.source}"
        if each.size > size:
            detail = f"{each.size} entries were signed; the replica has {size}"
            yield Check(title, is_met=False, detail=detail, may_be_forced=True)
            continue
        yield Check(
            title,
            _root(each.size, size) == each.root,
            f"all {each.size} are there"
            if _root(each.size, size) == each.root
            else f"its first {each.size} entries are other ones: this is not the same log",
        )


def _root(of: int, size: int) -> bytes | None:
    try:
        return Frontier.read(of, TileReader(tree.fetch_tile, size).node).root()
    except ProofError:
        return None
