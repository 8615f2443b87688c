"""The figures of the page: one question to the database, one to the broker, and this machine."""

from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from django.db import connection

from audit.ledger import lag
from incidents.selectors.due import OLDEST_DUE
from portal import queues
from portal.lib.resilience import Answer

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
    """Ages in seconds; `dead` are notifications that were given up; `queues` are depths by name: stale
    ones where the broker cannot be asked, None where this process never could."""

    receipts: int
    oldest_receipt: float
    dead: int
    oldest_unsent: float
    unsequenced: int
    oldest_unsigned: float
    queues: Answer[dict[str, int]] | None


def figures() -> Figures:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
        receipts, oldest, dead, unsent, unsequenced, unsigned = cursor.fetchone()
    return Figures(receipts, oldest, dead, unsent, unsequenced, unsigned, queues.depths())


def memory_used() -> float:
    return float(psutil.virtual_memory().percent) / 100


def ago(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()
