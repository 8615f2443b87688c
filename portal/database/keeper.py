"""What each web process does beside its requests, in a thread: asks the database every 5 s.

So the breaker opens where nobody asks, and its probe, due every 30 s, costs no request its time. Where
there is a replica, each look commits a transaction of its own without a change, by which the replica
can tell how far it has come. And what must be there without a database is kept in files: the status
page's snapshot, and the newest checkpoint, by which a failover is judged.
"""

import threading

import structlog
from django.db import Error, connection

from portal.database import replica
from portal.failover import known
from portal.lib.errors import VigilError
from portal.lib.resilience import deadline
from portal.status import snapshot

EVERY = 5.0
LIMIT = 10.0

log = structlog.get_logger(__name__)


def start() -> None:
    threading.Thread(target=_keep, name="database-keeper", daemon=True).start()


def _keep() -> None:
    waiting = threading.Event()
    while True:
        look()
        waiting.wait(EVERY)


def look() -> bool:
    """Whether the database answered; the breaker knows as well, and says so in the log."""
    try:
        with deadline.within(LIMIT):
            with connection.cursor() as cursor:
                # Takes a transaction number, so that its commit reaches the replica.
                cursor.execute(
                    "SELECT pg_current_xact_id()" if replica.is_configured() else "SELECT 1"
                )
            if snapshot.is_due():
                snapshot.take()
            known.keep()
    except (Error, VigilError) as error:
        log.debug("database_not_there", error=str(error).strip())
        return False
    except OSError as error:
        log.error("keeper_cannot_write", error=str(error))  # noqa: TRY400 - says all there is
    finally:
        connection.close()
    return True
