"""The action items of all postmortems that somebody may see."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone

from audit.models import User
from audit.principal import Principal
from incidents.models import ActionItem
from incidents.selectors.slices import Slice, take
from incidents.selectors.visibility import incidents_visible_to

# Upper ends of the buckets of age, in days; the last one has none.
AGES = (7, 30, 90)
OWNERS = 50
MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """`state` may also be `overdue`; empty fields narrow nothing."""

    owner: int | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Ages:
    """How many open items somebody owns, by how long ago they were agreed on."""

    owner: str
    buckets: tuple[int, ...]
    total: int
    overdue: int
    oldest: Any


def items_visible_to(who: User | Principal) -> QuerySet[ActionItem]:
    """Of postmortems of incidents that one may know of."""
    visible = incidents_visible_to(who).order_by().values("pk")
    return ActionItem.objects.filter(postmortem__incident__in=visible)


def item_list(
    who: User | Principal,
    wanted: ItemFilter,
    *,
    after: tuple[date, int] | None = None,
    limit: int,
) -> Slice[ActionItem]:
    """The one that is due first first."""
    rows = items_visible_to(who).select_related("owner", "postmortem__incident")
    if wanted.owner is not None:
        rows = rows.filter(owner=wanted.owner)
    if wanted.state == "overdue":
        rows = rows.filter(state="open", due_on__lt=timezone.localdate())
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    if after is not None:
        rows = rows.filter(due_on__gte=after[0]).exclude(due_on=after[0], pk__lte=after[1])
    return take(rows.order_by("due_on", "pk"), limit)


def ages(who: User | Principal) -> list[Ages]:
    """One row an owner, those with most first."""
    now, today = timezone.now(), timezone.localdate()
    edges = [now - timedelta(days=days) for days in AGES]
    spans = [Q(added_at__gt=edges[0])]
    spans += [Q(added_at__lte=new, added_at__gt=old) for new, old in pairwise(edges)]
    spans.append(Q(added_at__lte=edges[-1]))
    counted = {f"bucket_{n}": Count("pk", filter=span) for n, span in enumerate(spans)}
    rows: Any = (
        items_visible_to(who)
        .filter(state="open")
        .order_by()
        .values(name=F("owner__username"))
        .annotate(
            total=Count("pk"),
            overdue=Count("pk", filter=Q(due_on__lt=today)),
            oldest=Min("added_at"),
            **counted,
        )
        .order_by("-total", "name")
    )
    return [
        Ages(
            row["name"],
            tuple(row[f"bucket_{n}"] for n in range(len(spans))),
            row["total"],
            row["overdue"],
            row["oldest"],
        )
        for row in rows[:OWNERS]
    ]


def count_overdue(user: User) -> int:
    """One's own, `MOST_COUNTED` at most."""
    mine = items_visible_to(user).filter(owner=user, state="open", due_on__lt=timezone.localdate())
    return mine.order_by()[:MOST_COUNTED].count()
