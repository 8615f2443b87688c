"""The figures of the page: one question to the database, one to the broker, and this machine."""

from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from celery import current_app
from django.db import connection
from kombu.exceptions import OperationalError

from audit.ledger import lag
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call

QUEUE = "celery"
_FIGURES = f"""
SELECT (SELECT count(*) FROM incidents_alertreceipt WHERE fate = 'pending'),
       coalesce((SELECT extract(epoch FROM clock_timestamp() - received_at)::float
                 FROM incidents_alertreceipt WHERE fate = 'pending' ORDER BY id LIMIT 1), 0),
       (SELECT count(*) FROM audit_pending),
       coalesce(({lag.OLDEST_UNSIGNED}), 0)
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Figures:
    """Ages in seconds; `messages` is None where the broker cannot be asked."""

    receipts: int
    oldest_receipt: float
    unsequenced: int
    oldest_unsigned: float
    messages: int | None
    memory_used: float


def figures() -> Figures:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
        receipts, oldest, unsequenced, unsigned = cursor.fetchone()
    used = psutil.virtual_memory().percent / 100
    return Figures(receipts, oldest, unsequenced, unsigned, messages(), used)


def messages() -> int | None:
    """How many wait in the broker."""
    try:
        return call("broker", _count).value
    except (ApiTimeout, CircuitOpen, OperationalError):
        return None


def _count(timeout: float) -> int:
    app = current_app._get_current_object()
    options = {"max_retries": 0, "socket_connect_timeout": timeout, "socket_timeout": timeout}
    with app.connection_for_read(transport_options=options) as opened:
        try:
            queue = opened.default_channel.queue_declare(QUEUE, passive=True)
        except opened.channel_errors:
            # The broker forgets a queue that nothing waits in.
            return 0
        return int(queue.message_count)


def ago(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()
