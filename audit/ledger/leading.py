"""One process leads; others started beside it wait to take over."""

import time
from collections.abc import Callable
from typing import NoReturn

import structlog
from django.db import InterfaceError, OperationalError, connection

IDLE = 0.05
AFTER_FAILURE = 1.0

log = structlog.get_logger(__name__)


def lead(name: str, lock: int, make_turn: Callable[[], Callable[[], bool]]) -> NoReturn:
    """Takes turns for as long as the process lives: one made anew whenever it comes to lead. A turn
    says whether there is more to do at once. While the database is away it waits and tries again."""
    while True:
        try:
            _become_leader(lock)
            turn = make_turn()
            while True:
                if not turn():
                    time.sleep(IDLE)
        except (InterfaceError, OperationalError) as error:
            log.warning("leader_waits", name=name, error=str(error).strip())
            connection.close()
            time.sleep(AFTER_FAILURE)


def _become_leader(lock: int) -> None:
    with connection.cursor() as cursor:
        # Held by the connection, so it is free again the moment that the leader is gone.
        cursor.execute("SET statement_timeout = 0; SELECT pg_advisory_lock(%s)", [lock])
