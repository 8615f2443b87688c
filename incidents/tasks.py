"""Interfaces of the worker to the services: no rule lives here."""

from datetime import timedelta

import structlog
from celery import shared_task
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.principal import system
from incidents.models import AlertReceipt, Source
from incidents.models.alert import Fate
from incidents.services.processing import receipt_set_aside, receipts_process
from portal.lib.errors import VigilError
from portal.lib.trace import bound

log = structlog.get_logger(__name__)

KEYS_A_ROUND = 500
MAX_ATTEMPTS = 5


@shared_task(name="incidents.drain_receipts")  # type: ignore[untyped-decorator] # no stubs
def drain_receipts() -> int:
    """Processes what waits, oldest first. Idempotent: any number may run at once."""
    with bound(None):
        keys = _waiting_keys()
        for source_id, dedup_key in keys:
            _process(Source.objects.get(pk=source_id), dedup_key)
    if len(keys) == KEYS_A_ROUND:
        drain_receipts.delay()
    return len(keys)


def _waiting() -> Q:
    return Q(fate=Fate.PENDING) & (Q(retry_at=None) | Q(retry_at__lte=Now()))


def _waiting_keys() -> list[tuple[int, str]]:
    oldest = AlertReceipt.objects.filter(_waiting()).order_by("id")
    rows = oldest.values_list("source_id", "dedup_key")[: KEYS_A_ROUND * 4]
    return list(dict.fromkeys(rows))[:KEYS_A_ROUND]


def _process(source: Source, dedup_key: str) -> None:
    worker = system("worker")
    try:
        receipts_process(source=source, dedup_key=dedup_key, by=worker)
    except (InterfaceError, OperationalError, VigilError) as error:
        # Fails closed: the receipts wait on for the database, the gate or the record to be back.
        log.warning("processing_waits", source=source.slug, dedup_key=dedup_key, error=str(error))
    except (DatabaseError, ValueError, KeyError, TypeError) as error:
        # What cannot be processed does not hold up the rest; it is set aside in plain sight.
        log.exception("processing_failed", source=source.slug, dedup_key=dedup_key)
        _postpone(source, dedup_key, f"{type(error).__name__}: {error}")


def _postpone(source: Source, dedup_key: str, reason: str) -> None:
    waiting = AlertReceipt.objects.filter(source=source, dedup_key=dedup_key, fate=Fate.PENDING)
    first = waiting.order_by("id").first()
    if first is None:
        return
    if first.attempts + 1 >= MAX_ATTEMPTS:
        receipt_set_aside(receipt=first, by=system("worker"), reason=reason)
        return
    delay = timedelta(seconds=2 ** (first.attempts + 1))
    waiting.filter(pk=first.pk).update(attempts=F("attempts") + 1)
    waiting.update(retry_at=Now() + delay)
