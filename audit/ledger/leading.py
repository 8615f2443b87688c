"""One process leads; others started beside it wait to take over.

Who leads beats on each of its turns, in its file and in the database. Who waits beats in a file of its
own alone, so that it never stands in for a leader that hangs.
"""

import time
from collections.abc import Callable
from typing import NoReturn

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from portal.lib.heartbeat import EVERY, Heart
from portal.lib.resilience.backoff import DatabaseBackoff

IDLE = 0.05
STANDBY = 0.25

log = structlog.get_logger(__name__)


def lead(name: str, lock: int, make_turn: Callable[[], Callable[[], bool]]) -> NoReturn:
    """Takes turns for as long as the process lives: one made anew whenever it comes to lead. A turn
    says whether there is more to do at once. While the database is away it tries again after ever longer
    pauses, and goes on beating: who waits does not hang."""
    heart, waiting, backoff = Heart(name), Heart(f"{name}.standby"), DatabaseBackoff()
    while True:
        try:
            while not _leads(lock):
                waiting.beat()
                backoff.worked()
                time.sleep(STANDBY)
            turn = make_turn()
            while True:
                _beat(heart)
                has_more = turn()
                backoff.worked()
                if not has_more:
                    time.sleep(IDLE)
        except (InterfaceError, OperationalError) as error:
            pause = backoff.failed()
            log.warning(
                "leader_waits", name=name, seconds=round(pause, 1), error=str(error).strip()
            )
            connection.close()
            _wait(heart, pause)


def _wait(heart: Heart, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        heart.beat()
        time.sleep(min(left, EVERY / 2))


def _leads(lock: int) -> bool:
    with connection.cursor() as cursor:
        # Held by the connection, so it is free again the moment that the leader is gone.
        cursor.execute(
            "SELECT pg_try_advisory_lock(%s), set_config('statement_timeout', '0', false)", [lock]
        )
        return bool(cursor.fetchone()[0])


def _beat(heart: Heart) -> None:
    """Fails open, but for a connection that is lost: before its migration there is no table."""
    try:
        with connection.cursor() as cursor:
            heart.beat(cursor.execute)
    except (InterfaceError, OperationalError):
        raise
    except DatabaseError as error:
        heart.complain(str(error).strip())
