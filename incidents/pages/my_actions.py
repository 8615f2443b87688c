"""All action items that somebody may see: their own, everybody's, the overdue, and how old they are."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from audit.models import User
from incidents.models import ActionItem
from incidents.pages.base import Page, may
from incidents.selectors.action_items import (
    AGES,
    MOST_COUNTED,
    ItemFilter,
    ages,
    count_overdue,
    item_list,
)
from incidents.services.action_items import action_for
from portal.lib.errors import NotFound

ROWS = 50
LONGEST_BIGINT = 18
SHOWS = {
    "mine": "Mine",
    "all": "All open",
    "overdue": "Overdue",
    "done": "Done",
    "ages": "By age",
}


class MyActions(Page):
    def prepare(self) -> None:
        super().prepare()
        if not self.user.has_perm("incidents.view_incident"):
            raise NotFound

    def get(self, request: HttpRequest) -> HttpResponse:
        show = request.GET.get("show", "mine")
        if show not in SHOWS:
            show = "mine"
        context: dict[str, Any] = {"show": show, "shows": SHOWS.items()}
        context |= self._ages() if show == "ages" else self._items(show)
        return self.page("incidents/actions.html", context, title="Action items")

    def _ages(self) -> dict[str, Any]:
        first, *edges = AGES
        names = [f"Under {first} days"]
        for old, new in zip(AGES, edges, strict=False):
            names.append(f"{old}–{new} days")
        return {"ages": ages(self.user), "buckets": [*names, f"Over {AGES[-1]} days"]}

    def _items(self, show: str) -> dict[str, Any]:
        wanted = {
            "mine": ItemFilter(owner=self.user.pk, state="open"),
            "all": ItemFilter(state="open"),
            "overdue": ItemFilter(state="overdue"),
            "done": ItemFilter(state="done"),
        }[show]
        after = _after(self.request.GET.get("after", ""))
        found = item_list(self.user, wanted, after=after, limit=ROWS)
        last = found.rows[-1] if found.rows else None
        return {
            "rows": [self._row(item) for item in found.rows],
            "is_first": after is None,
            "next": f"{last.due_on}|{last.pk}" if last and found.has_more else "",
        }

    def _row(self, item: ActionItem) -> dict[str, Any]:
        today = timezone.localdate()
        return {
            "item": item,
            "incident": item.postmortem.incident,
            "is_overdue": item.state == "open" and item.due_on < today,
            "may_change": may(self.user, action_for("change", item, self.by)),
        }


def overdue_badge(request: HttpRequest) -> str:
    """How many of one's own are overdue, for the sidebar; nothing where none is."""
    if not isinstance(request.user, User):
        return ""
    count = count_overdue(request.user)
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")


def _after(text: str) -> tuple[date, int] | None:
    day, _, number = text.partition("|")
    if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_BIGINT):
        return None
    try:
        return date.fromisoformat(day), int(number)
    except ValueError:
        return None
