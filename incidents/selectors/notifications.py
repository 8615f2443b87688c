"""Which notifications somebody may know of, and their list."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.models import User
from audit.principal import Principal
from incidents.models import Incident, Notification, NotificationAttempt, Ticket
from incidents.selectors.slices import Slice, newest
from incidents.selectors.visibility import READ_SCOPES, is_visible
from portal.lib.errors import NotFound

VIEW = "incidents.view_notification"
VIEW_CHANNEL = "incidents.view_channel"
FAILING = "failing"
State = Notification.State


def notifications_visible_to(who: User | Principal) -> QuerySet[Notification]:
    """Those of incidents that somebody may see. Tests of a contact method are seen by whose it is,
    tests of a channel by who may see channels."""
    rows = Notification.objects.all()
    if isinstance(who, Principal):
        if who.kind == "system":
            return rows
        if who.scopes is not None and not who.scopes & READ_SCOPES:
            return rows.none()
        if who.user is None:
            return rows.filter(incident__is_restricted=False)
        who = who.user
    if not who.is_active or not who.has_perm(VIEW):
        return rows.none()
    tests = Q(incident=None, person=who)
    if who.has_perm(VIEW_CHANNEL):
        tests |= Q(incident=None, person=None)
    if who.is_superuser:
        return rows.filter(Q(incident__isnull=False) | tests)
    return rows.filter((Q(incident__isnull=False) & is_visible(who, "incident__")) | tests)


def notification_get(who: User | Principal, public_id: UUID) -> Notification:
    """Raises `NotFound`, whether there is none or it may not be seen."""
    found = _related(notifications_visible_to(who)).filter(public_id=public_id).first()
    if found is None:
        raise NotFound
    return found


def attempts(notification: Notification) -> list[NotificationAttempt]:
    return list(notification.attempts.order_by("id"))


@dataclass(frozen=True, slots=True)
class NotificationFilter:
    """What the list is narrowed to; empty fields narrow nothing. `state` may be failing, too."""

    state: str = ""
    kind: str = ""
    reason: str = ""
    incident: int | None = None

    def apply(self, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        wanted = Q()
        if self.state == FAILING:
            wanted &= Q(state=State.PENDING, rounds__gt=0)
        elif self.state:
            wanted &= Q(state=self.state)
        if self.kind:
            wanted &= Q(kind=self.kind)
        if self.reason:
            wanted &= Q(reason=self.reason)
        if self.incident is not None:
            wanted &= Q(incident=self.incident)
        return rows.filter(wanted)


def notification_list(
    who: User, wanted: NotificationFilter, *, before: int | None = None, limit: int
) -> Slice[Notification]:
    rows = wanted.apply(_related(notifications_visible_to(who)))
    return newest(rows, before=before, limit=limit)


@dataclass(frozen=True, slots=True)
class Told:
    """What the war room shows: the newest notifications, how many there are, and tickets."""

    rows: list[Notification]
    has_more: bool
    lost: int
    tickets: Sequence[Ticket]


def told_of(incident: Incident, *, limit: int) -> Told:
    """For those who see the incident."""
    found = newest(
        _related(Notification.objects.filter(incident=incident)), before=None, limit=limit
    )
    lost = Notification.objects.filter(incident=incident, state=State.DEAD).count()
    tickets = Ticket.objects.filter(incident=incident).select_related("channel").order_by("id")
    return Told(found.rows, found.has_more, lost, list(tickets))


def dead_count(who: User, *, most: int) -> int:
    """Of what was given up and nobody has looked after, as far as they may know of it."""
    rows = notifications_visible_to(who).filter(state=State.DEAD)
    return len(rows.values_list("pk")[:most])


def _related(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    return rows.select_related("incident", "channel", "contact", "person")
