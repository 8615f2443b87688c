"""Interfaces of the worker to the services: no rule lives here."""

from datetime import timedelta

import structlog
from celery import shared_task
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from audit.principal import system
from incidents.models import AlertReceipt, IdempotencyKey, Source
from incidents.models.alert import Fate
from incidents.selectors.detected import to_notify
from incidents.selectors.escalations import overdue
from incidents.services import delivery
from incidents.services.automatic import incident_notify_detected
from incidents.services.escalation import incident_escalate
from incidents.services.notices import (
    NothingIsDue,
    clocks_notice,
    incidents_with_notices_due,
)
from incidents.services.processing import (
    BATCH,
    NothingWaits,
    receipt_set_aside,
    receipts_process,
)
from incidents.services.reminders import (
    NothingToRemind,
    action_item_remind,
    items_to_remind_of,
)
from incidents.services.tickets import tickets_read
from portal.lib.errors import ValidationFailed, VigilError
from portal.lib.resilience import deadline

log = structlog.get_logger(__name__)

KEYS_A_ROUND = 500
# So that a flood of one alert does not keep the others waiting.
BATCHES_A_KEY = 5
KEEP_KEYS = timedelta(days=7)
MAX_ATTEMPTS = 5
# Seconds: less is left for none of a policy's attempts.
ENOUGH_TO_DELIVER = 15.0


@shared_task(name="incidents.drain_receipts")  # type: ignore[untyped-decorator] # no stubs
def drain_receipts() -> int:
    """Processes what waits, oldest first. Idempotent: any number may run at once."""
    try:
        keys = _waiting_keys()
    except (InterfaceError, OperationalError) as error:
        log.warning("processing_waits", error=str(error).strip())
        return 0
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
    """In batches; where one fails, one by one, so that only what is at fault bears it."""
    if error := _settle(source, dedup_key, BATCH, rounds=BATCHES_A_KEY):
        log.warning("batch_failed", source=source.slug, dedup_key=dedup_key, error=str(error))
        if error := _settle(source, dedup_key, 1, rounds=BATCH):
            # What cannot be processed does not hold up the rest; it is set aside in plain sight.
            log.error("processing_failed", source=source.slug, key=dedup_key, exc_info=error)
            _postpone(source, dedup_key, f"{type(error).__name__}: {error}")


def _settle(source: Source, dedup_key: str, limit: int, *, rounds: int) -> Exception | None:
    """What went wrong, if that lies in the receipts themselves."""
    try:
        for _ in range(rounds):
            receipts_process(source=source, dedup_key=dedup_key, by=system("worker"), limit=limit)
    except NothingWaits:
        return None
    except ValidationFailed as error:
        return error
    except (InterfaceError, OperationalError, VigilError) as error:
        # Fails closed: the receipts wait on for the database, the gate or the record to be back.
        log.warning("processing_waits", source=source.slug, dedup_key=dedup_key, error=str(error))
    except (DatabaseError, ValueError, KeyError, TypeError) as error:
        return error
    return None


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


@shared_task(name="incidents.watch_clocks")  # type: ignore[untyped-decorator] # no stubs
def watch_clocks() -> int:
    """Tells of deadlines that come near or have passed. Idempotent."""
    found = incidents_with_notices_due()
    for incident in found:
        try:
            clocks_notice(incident=incident, by=system("worker"))
        except NothingIsDue:
            continue
        except VigilError as error:
            # Fails closed: without gate or record nothing is noticed; the next round tries again.
            log.warning("notice_waits", incident=incident.number, error=str(error))
    return len(found)


@shared_task(name="incidents.deliver_notifications")  # type: ignore[untyped-decorator] # no stubs
def deliver_notifications() -> int:
    """Sends what is due, as long as there is time for a whole delivery. Idempotent: any number may run
    at once, and what one leaves the next sweep takes."""
    sent = 0
    try:
        while deadline.remaining() > ENOUGH_TO_DELIVER and delivery.deliver_one():
            sent += 1
    except (InterfaceError, OperationalError) as error:
        log.warning("notifications_wait", error=str(error).strip())
    return sent


@shared_task(name="incidents.notify_detected")  # type: ignore[untyped-decorator] # no stubs
def notify_detected() -> int:
    """Tells the teams of what detectors opened, where the rules wait for nobody. Idempotent."""
    done = 0
    for incident in to_notify():
        try:
            incident_notify_detected(incident=incident, by=system("worker"))
        except VigilError as error:
            # Somebody was quicker, or nothing can be recorded now: the next sweep asks again.
            log.warning("not_notified", incident=incident.number, error=str(error))
        else:
            done += 1
    return done


@shared_task(name="incidents.escalate_unacknowledged")  # type: ignore[untyped-decorator] # no stubs
def escalate_unacknowledged() -> int:
    """Pages the next team where a page was not acknowledged in time. Idempotent."""
    done = 0
    for due in overdue(timezone.now()):
        try:
            incident_escalate(
                incident=due.incident,
                by=system("worker"),
                leg=due.leg,
                level=due.level,
                team=due.team,
            )
        except VigilError as error:
            # Somebody was quicker, or nothing can be recorded now: the next sweep asks again.
            log.warning("not_escalated", incident=due.incident.number, error=str(error))
        else:
            done += 1
    return done


@shared_task(name="incidents.read_tickets")  # type: ignore[untyped-decorator] # no stubs
def read_tickets() -> int:
    """Reads the status of open incidents' tickets back. Idempotent."""
    return tickets_read()


@shared_task(name="incidents.remind_of_action_items")  # type: ignore[untyped-decorator] # no stubs
def remind_of_action_items() -> int:
    """Reminds of what is overdue, once a week. Idempotent."""
    found = items_to_remind_of()
    for item in found:
        try:
            action_item_remind(item=item, by=system("worker"))
        except NothingToRemind:
            continue
        except VigilError as error:
            # Fails closed: without gate or record nobody is reminded; the next round tries again.
            log.warning("reminder_waits", item=item.pk, error=str(error))
    return len(found)


@shared_task(name="incidents.forget_idempotency_keys")  # type: ignore[untyped-decorator] # no stubs
def forget_idempotency_keys() -> int:
    """A client that has not tried again within a week will not."""
    forgotten, _ = IdempotencyKey.objects.filter(created_at__lt=Now() - KEEP_KEYS).delete()
    return forgotten
