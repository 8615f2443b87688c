"""The figures of the page: one question to the database, one to the broker, and this machine."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from celery import current_app
from django.db import connection
from kombu.exceptions import OperationalError

from audit.ledger import lag
from incidents.selectors.due import OLDEST_DUE
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call

_FIGURES = f"""
SELECT (SELECT count(*) FROM incidents_alertreceipt WHERE fate = 'pending'),
       coalesce((SELECT extract(epoch FROM clock_timestamp() - received_at)::float
                 FROM incidents_alertreceipt WHERE fate = 'pending' ORDER BY id LIMIT 1), 0),
       (SELECT count(*) FROM incidents_notification WHERE state = 'dead'),
       coalesce(({OLDEST_DUE}), 0),
       (SELECT count(*) FROM audit_pending),
       coalesce(({lag.OLDEST_UNSIGNED}), 0)
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Figures:
    """Ages in seconds; `dead` are notifications that were given up; `queues` are depths by
    name, None where the broker cannot be asked."""

    receipts: int
    oldest_receipt: float
    dead: int
    oldest_unsent: float
    unsequenced: int
    oldest_unsigned: float
    queues: dict[str, int] | None


def figures() -> Figures:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
        receipts, oldest, dead, unsent, unsequenced, unsigned = cursor.fetchone()
    return Figures(receipts, oldest, dead, unsent, unsequenced, unsigned, queues())


def memory_used() -> float:
    return float(psutil.virtual_memory().percent) / 100


def queues() -> dict[str, int] | None:
    """How many tasks wait in each queue of the broker, by one connection."""
    try:
        return call("broker", _count).value
    except (ApiTimeout, CircuitOpen, OperationalError):
        return None


def _count(timeout: float) -> dict[str, int]:
    app = current_app._get_current_object()
    options = {"max_retries": 0, "socket_connect_timeout": timeout, "socket_timeout": timeout}
    with app.connection_for_read(transport_options=options) as opened:
        return {name: _depth(opened, name) for name in app.amqp.queues}


def _depth(opened: Any, queue: str) -> int:
    with opened.channel() as channel:
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except opened.channel_errors:
            # The broker forgets a queue that nothing waits in.
            return 0


def ago(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()
