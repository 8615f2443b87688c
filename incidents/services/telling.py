"""Writes down who is told what, within the governed call that causes it. Sending comes after.

Nothing here reaches the network, so no change waits for it; what is written is sent by
`services.delivery`, at once or by the next sweep.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from audit.record import current
from incidents.models import Incident, Notification
from incidents.models.notification import Reason
from incidents.notification_rules import FOLLOW_UPS, MOVES, TO_PEOPLE
from incidents.notify.message import Message
from incidents.procedure import State, Transition
from incidents.selectors.addressees import Addressee, addressees, already_told, rule_of
from incidents.services.waking import wake

DELIVER = "incidents.deliver_notifications"
NotificationState = Notification.State
_ORDER = list(State)


def on_move(incident: Incident, transition: Transition, reason: str) -> None:
    if transition.name == "notify":
        tell(incident, Reason.NOTIFIED, addressees(incident, rule_of(incident.severity)))
    elif transition.name in MOVES:
        tell_on(incident, Reason(MOVES[transition.name]), reason)


def on_severity(incident: Incident, before: str, reason: str) -> None:
    """Who knows of it learns of the change; who the new severity asks for, and does not know yet, is
    told of the incident."""
    if not is_told(incident):
        return
    known = {one.key for one in already_told(incident)}
    asked = addressees(incident, rule_of(incident.severity))
    tell_on(incident, Reason.SEVERITY_CHANGED, f"{before} → {incident.severity}: {reason}")
    tell(incident, Reason.NOTIFIED, [one for one in asked if one.key not in known])


def on_status_update(incident: Incident, text: str) -> None:
    tell_on(incident, Reason.STATUS_UPDATE, text)


def is_told(incident: Incident) -> bool:
    """Whether the step of notification is behind it, and its end is not."""
    is_past = _ORDER.index(State(incident.state)) >= _ORDER.index(State.NOTIFIED)
    return incident.is_open and is_past


def tell_on(incident: Incident, reason: Reason, text: str) -> None:
    """Of a later word, those who know of it and whom it concerns."""
    concerned = [
        one
        for one in already_told(incident)
        if reason in FOLLOW_UPS[one.kind] and (one.contact is None or reason in TO_PEOPLE)
    ]
    tell(incident, reason, concerned, text)


def tell(
    incident: Incident, reason: Reason, to: Iterable[Addressee], text: str = ""
) -> list[Notification]:
    message = message_of(incident, reason, text)
    rows = [_row(one, reason, message, incident=incident, severity=incident.severity) for one in to]
    return queue(rows)


def tell_test(one: Addressee, message: Message, dedup_key: str) -> Notification:
    row = _row(one, Reason.TEST, message, dedup_key=dedup_key)
    return queue([row])[0]


def queue(rows: list[Notification]) -> list[Notification]:
    """Saves them, and wakes who sends them once they are there for good."""
    made = Notification.objects.bulk_create(rows)
    if made:
        counted = Counter(f"{row.kind} ({row.state})" for row in made)
        record = current()
        record.note(told={**record.data.get("told", {}), made[0].reason: dict(counted)})
    if any(row.state == NotificationState.PENDING for row in made):
        transaction.on_commit(lambda: wake(DELIVER), robust=True)
    return made


def message_of(incident: Incident, reason: Reason, text: str) -> Message:
    message = Message(
        reason=reason.value,
        label=reason.label,
        title=incident.title,
        link=settings.ORIGIN + reverse("incidents:incident-detail", args=[incident.pk]),
        at=current().at.isoformat(),
        number=incident.number,
        severity=incident.severity,
        state=State(incident.state).label,
        service=incident.service.name if incident.service else "",
        text=text,
    )
    return message.redacted() if incident.is_restricted else message


def _row(one: Addressee, reason: Reason, message: Message, **fields: Any) -> Notification:
    record = current()
    return Notification(
        reason=reason,
        kind=one.kind,
        channel=one.channel,
        contact=one.contact,
        person=one.person,
        addressee=one.name,
        message=message.to_json(),
        queued_at=record.at,
        event_id=record.id,
        state=NotificationState.PENDING if one.is_ready else NotificationState.SINK,
        settled_at=None if one.is_ready else record.at,
        dedup_key=fields.pop("dedup_key", message.number),
        **fields,
    )
