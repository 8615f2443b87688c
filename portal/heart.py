"""Beats for the processes that have no loop of their own to do it: web, worker and beat.

A thread says that the process is there and gets time; that it does its work is what `/health/live`
and the depth of the queues tell. The web processes also look after the watchdog, and page on-call
where it is silent. Threads begin after a fork, and hold no lock that a fork could copy.
"""

import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from psycopg import Error

from portal import guard
from portal.database.connection import Connection
from portal.lib.heartbeat import EVERY, Heart
from portal.lib.resilience import deadline
from portal.lib.resilience.backoff import Backoff

TIMEOUT = 3

log = structlog.get_logger(__name__)


def beat_as_web() -> None:
    """By file alone: its watchdog is beside it, and asks it by HTTP."""
    begun_at = time.time()
    _repeat("heart", Heart("web").beat)
    _repeat("guard", lambda: guard.look(begun_at))


def beat_as(role: str) -> None:
    # Two threads, and two hearts: a database that hangs must not stop the file.
    file, row, backoff = Heart(role), Heart(role), Backoff(first=EVERY)
    _repeat("heart", file.beat)
    _repeat("heart-row", lambda: _tell(row, backoff))


def _tell(heart: Heart, backoff: Backoff) -> None:
    # Neither pool nor breaker: the worker forks, and their locks with it.
    try:
        with (
            deadline.within(TIMEOUT),
            Connection.connect(
                settings.DATABASE_URL,
                connect_timeout=TIMEOUT,
                application_name=f"{heart.role} (beat)",
                autocommit=True,
            ) as connection,
        ):
            heart.beat(connection.execute)
        backoff.worked()
    except Error as error:
        heart.complain(str(error).strip())
        time.sleep(backoff.failed())


def _repeat(name: str, do: Callable[[], object]) -> None:
    def run() -> None:
        while True:
            try:
                do()
            except Exception:
                # At the edge of a thread: without it the beats would end with the first surprise.
                log.exception("beat_failed", thread=name)
            time.sleep(EVERY)

    threading.Thread(target=run, name=name, daemon=True).start()
