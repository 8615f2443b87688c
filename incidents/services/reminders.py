"""Reminds of action items that are overdue: on record, once for each item and week."""

from datetime import date, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from audit.governed import governed
from audit.principal import Principal, subject
from audit.record import current
from incidents import actions
from incidents.models import ActionItem, ActionReminder
from incidents.services.entries import Kind, entry_add
from incidents.services.item_listeners import tell
from incidents.services.locking import incident_lock

MOST = 200


class NothingToRemind(Exception):
    """It was done, moved or reminded of meanwhile; nothing is recorded."""


def week_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def items_to_remind_of() -> list[ActionItem]:
    """The longest overdue first."""
    today = timezone.localdate()
    reminded = ActionReminder.objects.filter(item=OuterRef("pk"), week=week_of(today))
    overdue = ActionItem.objects.filter(~Exists(reminded), state="open", due_on__lt=today)
    found = overdue.select_related("postmortem__incident").order_by("due_on", "id")
    return list(found[:MOST])


@governed(actions.REMIND, on="item")
def action_item_remind(*, item: ActionItem, by: Principal) -> ActionReminder:
    """Raises `NothingToRemind`."""
    incident = incident_lock(item.postmortem.incident)
    locked = (
        ActionItem.objects.select_for_update(of=("self",)).select_related("owner").get(pk=item.pk)
    )
    today = timezone.localdate()
    week = week_of(today)
    is_overdue = locked.state == ActionItem.State.OPEN and locked.due_on < today
    if not is_overdue or locked.reminders.filter(week=week).exists():
        raise NothingToRemind
    reminder = ActionReminder.objects.create(item=locked, week=week, reminded_at=current().at)
    days = (today - locked.due_on).days
    current().note(item=locked.pk, owner=locked.owner, due_on=locked.due_on.isoformat())
    late = "1 day" if days == 1 else f"{days} days"
    words = f"Action item overdue by {late} ({subject(locked.owner)}): {locked.text}"
    entry_add(incident, Kind.POSTMORTEM, words)
    tell(locked, "reminded")
    return reminder
