"""Sends what waits: one at a time under a lease, its story kept, its outcome on record.

A lease and not a lock is held while the network is asked, so that a process that dies leaves the
message to another one. What the other side took is noted before it is put on record: where only that
fails, it is put on record later, and nothing is sent again.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.governed import governed
from audit.principal import Principal, system
from audit.record import current
from audit.secret_box import CannotOpen
from incidents import actions
from incidents.models import Notification, NotificationAttempt, Ticket
from incidents.notify.clients import CLIENTS
from incidents.notify.story import Story
from incidents.selectors.due import IS_DUE
from incidents.selectors.envelopes import envelope_of
from incidents.services.entries import said
from incidents.services.telling import DELIVER
from incidents.services.waking import wake
from portal.lib.errors import ApiTimeout, CircuitOpen, Conflict, VigilError
from portal.lib.resilience import Refused, deadline

State = Notification.State
SENDER = system("notifier")
# After each round in turn; a round is all attempts of the dependency's policy.
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600, 900, 1800))
ROUNDS = len(DELAYS) + 1
# What was not even tried, because its dependency is left alone, does not wait for ever either.
LONGEST_WAIT = timedelta(days=1)
# Longer than a task may run.
LEASE = 90.0
# Seconds of the task that are kept for noting what came of it.
RESERVE = 5.0
RECORD_AGAIN = timedelta(seconds=15)

log = structlog.get_logger(__name__)

_CLAIM = f"""
UPDATE incidents_notification SET lease = %s, leased_until = clock_timestamp() + %s * interval '1 s'
WHERE id = (
    SELECT id FROM incidents_notification AS due WHERE {IS_DUE}
    ORDER BY severity, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reference` where the other side has it. `is_final` is no, for good; what was `held` was not
    tried, and `retry_after` seconds are what the other side asks for."""

    reference: str | None = None
    is_final: bool = False
    is_held: bool = False
    retry_after: float = 0.0


def deliver_one() -> bool:
    """False where nothing is due, or others are at what is. The gravest first; to one addressee about
    one incident in order. Safe to call from any number of processes at once."""
    found = _claim()
    if found is None:
        return False
    if found.accepted_at is None:
        story, outcome = _tried(found)
        if not _keep(found, story, outcome):
            return True
    _settle(found)
    return True


def _claim() -> Notification | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [uuid.uuid4(), LEASE])
        row = cursor.fetchone()
    if row is None:
        return None
    return Notification.objects.select_related("incident", "channel", "contact__user").get(
        pk=row[0]
    )


def _tried(notification: Notification) -> tuple[Story, Outcome]:
    story = Story()
    try:
        envelope = envelope_of(notification, is_for_sending=True)
        known = (*(each for of in envelope.secrets.values() for each in of), envelope.code)
        story.secrets = tuple(filter(None, known))
        with deadline.within(deadline.remaining() - RESERVE):
            reference = CLIENTS[notification.kind].send(envelope, story)
    except Refused as error:
        log.warning("notification_refused", id=notification.message_id, error=str(error))
        return story, Outcome(is_final=True)
    except CircuitOpen as error:
        is_held = not story.attempts
        story.held(error.message)
        return story, Outcome(is_held=is_held, retry_after=error.retry_after or 0)
    except ApiTimeout as error:
        log.warning("notification_failed", id=notification.message_id, error=error.message)
        return story, Outcome(retry_after=error.retry_after or 0)
    except (CannotOpen, LookupError, ValueError, TypeError) as error:
        # Ours to mend: kept in plain sight, and tried again meanwhile.
        log.exception("notification_not_sent", id=notification.message_id)
        story.held(f"{type(error).__name__}: {error}")
        return story, Outcome()
    return story, Outcome(reference=reference[:255])


def _keep(notification: Notification, story: Story, outcome: Outcome) -> bool:
    """Notes what it came to; whether something of it is to be put on record."""
    tells: dict[str, Any] = {"leased_until": None, "lease": None}
    is_done = outcome.reference is not None
    if is_done:
        tells |= {"accepted_at": Now(), "reference": outcome.reference}
    if not outcome.is_held:
        tells["rounds"] = F("rounds") + 1
    rounds = notification.rounds + (not outcome.is_held)
    is_over = outcome.is_final or rounds >= ROUNDS or _is_old(notification)
    if not is_done:
        delay = DELAYS[min(max(rounds, 1), len(DELAYS)) - 1]
        wanted = timedelta(seconds=outcome.retry_after)
        tells["retry_at"] = Now() + (RECORD_AGAIN if is_over else max(delay, wanted))
    with transaction.atomic():
        mine = Notification.objects.filter(pk=notification.pk, lease=notification.lease)
        NotificationAttempt.objects.bulk_create(_attempts(notification, story))
        if not mine.update(**tells):
            # Its lease was over, and another one has it now.
            return False
    if is_done:
        notification.reference = outcome.reference or ""
        notification.accepted_at = story.attempts[-1].begun_at if story.attempts else None
    return is_done or is_over


def _is_old(notification: Notification) -> bool:
    """By the database's clock; one that was sent again has its rounds alone."""
    aged = Notification.objects.filter(queued_at__lt=Now() - LONGEST_WAIT, resends=0)
    return aged.filter(pk=notification.pk).exists()


def _attempts(notification: Notification, story: Story) -> list[NotificationAttempt]:
    return [
        NotificationAttempt(
            notification=notification,
            begun_at=each.begun_at,
            milliseconds=round(each.seconds * 1000),
            outcome=each.outcome,
            status=each.status,
            error=each.error,
            answer=each.answer,
        )
        for each in story.attempts
    ]


def _settle(notification: Notification) -> None:
    state = State.SENT if notification.accepted_at else State.DEAD
    try:
        notification_settle(notification=notification, by=SENDER, state=state)
    except Conflict:
        log.info("notification_settled_by_another", id=notification.message_id)
    except (VigilError, DatabaseError) as error:
        # What was sent is not sent again: only its record is still to be made.
        log.warning("notification_not_recorded", id=notification.message_id, error=str(error))
        Notification.objects.filter(pk=notification.pk).update(
            retry_at=Now() + RECORD_AGAIN, leased_until=None
        )


def _settling(arguments: Mapping[str, Any]) -> Any:
    return actions.SENT if arguments["state"] == State.SENT else actions.GIVE_UP


@governed(_settling, on="notification")
def notification_settle(*, notification: Notification, by: Principal, state: State) -> Notification:
    """Puts on record that it was sent, or given up. Raises `Conflict` where that is done."""
    locked = _locked(notification, State.PENDING)
    record = current()
    locked.state, locked.settled_at = state, record.at
    locked.save(update_fields=["state", "settled_at"])
    record.note(
        kind=locked.kind,
        reason=locked.reason,
        incident=locked.incident.number if locked.incident else None,
        attempts=locked.attempts.count(),
    )
    if state == State.SENT and locked.kind == "jira" and locked.incident and locked.channel:
        Ticket.objects.get_or_create(
            incident=locked.incident,
            channel=locked.channel,
            defaults={"key": locked.reference[:64], "made_at": record.at},
        )
    return locked


@governed(actions.RESEND, on="notification")
def notification_resend(
    *, notification: Notification, by: Principal, reason: str = ""
) -> Notification:
    """What was given up waits again, after all that was tried before."""
    locked = _locked(notification, State.DEAD)
    locked.state, locked.settled_at = State.PENDING, None
    locked.resends += 1
    locked.rounds, locked.retry_at, locked.leased_until = 0, None, None
    locked.save()
    current().note(kind=locked.kind, reason=said(reason, "reason", is_required=False))
    transaction.on_commit(lambda: wake(DELIVER), robust=True)
    return locked


@governed(actions.PUT_ASIDE, on="notification")
def notification_set_aside(
    *, notification: Notification, by: Principal, reason: str
) -> Notification:
    """What was given up is not wanted any more, and no longer counts as lost."""
    locked = _locked(notification, State.DEAD)
    locked.state, locked.settled_at = State.SET_ASIDE, current().at
    locked.save(update_fields=["state", "settled_at"])
    current().note(kind=locked.kind, reason=said(reason, "reason"))
    return locked


def _locked(notification: Notification, state: State) -> Notification:
    locked = (
        Notification.objects.select_for_update(of=("self",))
        .select_related("incident", "channel")
        .get(pk=notification.pk)
    )
    if locked.state != state:
        message = f"This notification is no longer “{state.label.lower()}”."
        raise Conflict(message)
    return locked
