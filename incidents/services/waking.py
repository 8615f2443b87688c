"""Wakes the worker, never at the price of the request: beat asks again within seconds anyway.

Celery's own producers try for six seconds to reach a broker that is gone, and wait for ever for
one that hangs. Fails open: what could not be asked for is done a little later.
"""

import time

import structlog
from celery import current_app
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import producers

PATIENCE = 1.0
PAUSE = 5.0
OPTIONS = {
    "max_retries": 0,
    "socket_connect_timeout": PATIENCE,
    "socket_timeout": PATIENCE,
}

log = structlog.get_logger(__name__)
_silent_until = 0.0


def wake(task: str) -> None:
    global _silent_until  # noqa: PLW0603 - one for the process; a race costs one more attempt
    if time.monotonic() < _silent_until:
        return
    app = current_app._get_current_object()
    connection = app.connection_for_write(transport_options=OPTIONS)
    try:
        with producers[connection].acquire(block=True, timeout=PATIENCE) as producer:
            app.send_task(task, producer=producer, retry=False)
    except (OperationalError, LimitExceeded, OSError) as error:
        _silent_until = time.monotonic() + PAUSE
        log.warning("worker_not_woken", task=task, error=str(error))
