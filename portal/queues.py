"""How many tasks wait in each queue of the broker, by one connection; for `/metrics` and System health."""

from datetime import UTC, datetime
from typing import Any

import structlog

from portal.celery import app
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import Answer, Kept, call, clock
from portal.lib.resilience.broker import failures, options

log = structlog.get_logger(__name__)
_last: dict[str, Kept[dict[str, int]]] = {}


def depths() -> Answer[dict[str, int]] | None:
    """What was there last, marked as stale, where the broker cannot be asked; None where it never could
    be by this process."""
    try:
        answer = call("broker", _count, fallback=lambda: _last.get("depths"))
    except (ApiTimeout, CircuitOpen) as error:
        log.warning("queues_not_known", error=str(error.__cause__ or error).strip())
        return None
    if not answer.is_stale:
        _last["depths"] = Kept(answer.value, datetime.fromtimestamp(clock.now(), UTC))
    return answer


def _count(timeout: float) -> dict[str, int]:
    bounded = options(app.conf.broker_url, timeout)
    with (
        app.connection(connect_timeout=timeout, transport_options=bounded) as opened,
        failures(opened),
    ):
        return {queue: _depth(opened, queue) for queue in app.amqp.queues}


def _depth(opened: Any, queue: str) -> int:
    with opened.channel() as channel:
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except opened.channel_errors:
            # The broker forgets a queue that nothing waits in.
            return 0
