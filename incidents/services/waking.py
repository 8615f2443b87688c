"""Wakes the worker, never at the price of the request: beat asks again within seconds anyway.

Celery's own producers try for six seconds to reach a broker that is gone, and wait for ever for
one that hangs. Fails open: what could not be asked for is done a little later.
"""

import structlog
from celery import current_app
from kombu.pools import producers

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call
from portal.lib.resilience.broker import failures, options

log = structlog.get_logger(__name__)

# Beat has asked several times by then: what piled up while there was no worker is thrown away unread, and
# keeps nothing that came since waiting.
GOOD_FOR = 10.0


def wake(task: str) -> None:
    try:
        call("broker", lambda timeout: _send(task, timeout))
    except (ApiTimeout, CircuitOpen) as error:
        log.warning("worker_not_woken", task=task, error=str(error.__cause__ or error))


def _send(task: str, timeout: float) -> None:
    app = current_app._get_current_object()
    bounded = options(app.conf.broker_url, timeout)
    connection = app.connection_for_write(transport_options=bounded)
    with (
        failures(connection),
        producers[connection].acquire(block=True, timeout=timeout) as producer,
    ):
        app.send_task(task, producer=producer, retry=False, expires=GOOD_FOR)
