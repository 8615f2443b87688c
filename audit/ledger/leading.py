"""One process leads; others started beside it wait to take over.

Who leads beats on each of its turns, in its file and in the database. Who waits beats in a file of its
own alone, so that it never stands in for a leader that hangs.
"""

import time
from collections.abc import Callable
from typing import NoReturn

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from portal.lib.heartbeat import Heart

IDLE = 0.05
STANDBY = 0.25
AFTER_FAILURE = 1.0

log = structlog.get_logger(__name__)


def lead(name: str, lock: int, make_turn: Callable[[], Callable[[], bool]]) -> NoReturn:
    """Takes turns for as long as the process lives: one made anew whenever it comes to lead. A turn
    says whether there is more to do at once. While the database is away it waits and tries again."""
    heart, waiting = Heart(name), Heart(f"{name}.standby")
    while True:
        try:
            while not _leads(lock):
                waiting.beat()
                time.sleep(STANDBY)
            turn = make_turn()
            while True:
                _beat(heart)
                if not turn():
                    time.sleep(IDLE)
        except (InterfaceError, OperationalError) as error:
            log.warning("leader_waits", name=name, error=str(error).strip())
            connection.close()
            heart.beat()
            time.sleep(AFTER_FAILURE)


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
