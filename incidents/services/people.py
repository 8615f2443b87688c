"""What incidents keep about people, for when one of them is erased."""

from audit.erasure.services import KEEPERS, Keeper
from audit.models import User
from audit.principal import PersonName
from incidents.models import (
    ActionItem,
    ChecklistItem,
    ContactMethod,
    IdempotencyKey,
    IncidentRole,
    TimelineEntry,
)
from incidents.procedure import OPEN
from incidents.services.contacts import wipe


def _obstacles(user: User) -> list[str]:
    held = IncidentRole.objects.filter(user=user, ended_at=None, incident__state__in=OPEN)
    owned = ActionItem.objects.filter(owner=user, state=ActionItem.State.OPEN)
    asked = ChecklistItem.objects.filter(
        assignee=user, state=ChecklistItem.State.OPEN, incident__state__in=OPEN
    )
    found = []
    if count := asked.count():
        checks = "an open check" if count == 1 else f"{count} open checks"
        found.append(f"They are to do {checks} of incidents; assign them to somebody else first.")
    if count := held.count():
        incidents = "an open incident" if count == 1 else f"{count} open incidents"
        found.append(f"They hold a role in {incidents}; hand it over first.")
    if count := owned.count():
        items = "an open action item" if count == 1 else f"{count} open action items"
        found.append(f"They own {items}; hand it over first.")
    return found


def _forget(user: User) -> None:
    """Answers kept for a retry may hold the name; what is retried after this is simply done again."""
    name = PersonName(user)
    IdempotencyKey.objects.filter(principal__in=[name, name.recorded]).delete()
    IdempotencyKey.objects.filter(answer__contains=user.username).delete()
    for contact in ContactMethod.objects.filter(user=user, removed_at=None):
        wipe(contact)
    user.teams.clear()


def _remains(user: User) -> dict[str, int]:
    return {
        "timeline_entries_in_the_clear": TimelineEntry.objects.filter(
            author=str(PersonName(user))
        ).count()
    }


KEEPERS.append(Keeper(_obstacles, _forget, _remains))
