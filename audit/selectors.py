"""Reads the record. Who holds `audit.view_event` reads all of it: events of restricted incidents
too, since an auditor from whom part of the record is hidden could not vouch for the rest.

No query counts the table, and each has an index that serves it: exact filters and time ranges in
their order, prefixes by range, words and objects by `audit.search`.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.event_filters import EXACT, PATTERNS, Cursor, EventFilter
from audit.models import Checkpoint, Event, Leaf
from audit.search.find import matching_ids
from portal.lib.errors import FieldError, NotFound, ValidationFailed

# So many changes of one event are shown; all of them can be downloaded.
SHOWN_CHANGES = 200
# So many of the newest events are searched first where several filters are on.
NEWEST = 100_000


@dataclass(frozen=True, slots=True)
class EventPage:
    """Newest first, whichever way the reader came."""

    events: list[Event]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class Change:
    table: str
    pk: str
    verb: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in the log: `index` is None before the sequencer has taken it up."""

    index: int | None
    checkpoint: Checkpoint | None

    @property
    def is_covered(self) -> bool:
        """Whether the latest signed checkpoint vouches for it."""
        return (
            self.index is not None
            and self.checkpoint is not None
            and self.index < self.checkpoint.size
        )


def event_page(filters: EventFilter, cursor: Cursor, *, limit: int) -> EventPage:
    """One page, at most `limit` events, in a few queries; a search may ask many partitions."""
    filters = filters.at(timezone.now())
    if filters.is_search:
        return _search_page(filters, cursor, limit=limit)
    is_by_time = bool(filters.since or filters.until)
    fields = ("at", "id") if is_by_time else ("id",)
    found = _matching(filters)
    if cursor.before or cursor.after:
        found = found.filter(_beyond(cursor, is_by_time=is_by_time))
    if cursor.after:
        rows = list(found.order_by(*fields)[: limit + 1])
        return EventPage(rows[:limit][::-1], has_newer=len(rows) > limit, has_older=True)
    found = found.order_by(*(f"-{field}" for field in fields))
    if len(_conditions(filters)) > 1 and not is_by_time:
        rows = _in_two_steps(found, cursor, limit + 1)
    else:
        rows = list(found[: limit + 1])
    return EventPage(rows[:limit], has_newer=bool(cursor.before), has_older=len(rows) > limit)


def _in_two_steps(found: QuerySet[Event], cursor: Cursor, limit: int) -> list[Event]:
    """The planner takes filters for independent. Where what fits one fits the other, it expects few
    events, and would read all of them before it sorts: so the newest are asked for by themselves."""
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first()
    floor = (cursor.before or newest or 0) - NEWEST
    rows = list(found.filter(id__gt=floor)[:limit])
    if len(rows) < limit:
        rows += found.filter(id__lte=floor)[: limit - len(rows)]
    return rows


def event_get(number: int) -> Event:
    event = Event.objects.select_related("leaf").filter(pk=number).first()
    if event is None:
        raise NotFound
    return event


def entry_of(event: Event) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(bytes(event.entry))
    return entry


def index_of(event: Event) -> int | None:
    """Of an event that was read with its leaf, else it costs a query."""
    leaf: Leaf | None = getattr(event, "leaf", None)
    return leaf.index if leaf else None


def place_of(event: Event) -> Place:
    return Place(index_of(event), Checkpoint.objects.order_by("-size").first())


def is_intact(event: Event) -> bool:
    """Whether the stored bytes still hash to the leaf that is, or will be, in the log."""
    expected = hashlib.sha256(b"\0" + bytes(event.entry)).digest()
    leaf: Leaf | None = getattr(event, "leaf", None)
    return bytes(event.leaf_hash) == expected and (
        leaf is None or bytes(leaf.leaf_hash) == expected
    )


def changes_of(event: Event, entry: dict[str, Any]) -> tuple[list[Change], int]:
    """The first `SHOWN_CHANGES` rows that the event changed, and how many there are in all."""
    changes = entry["changes"]
    if isinstance(changes, list):
        return [_change(change) for change in changes[:SHOWN_CHANGES]], len(changes)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value FROM audit_event_changes,"
            " json_array_elements(changes::json) WITH ORDINALITY AS listed (value, position)"
            " WHERE event_id = %s ORDER BY position LIMIT %s",
            [event.pk, SHOWN_CHANGES],
        )
        rows = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in cursor]
    return [_change(row) for row in rows], int(changes["count"])


def changes_listing(event: Event) -> bytes:
    """All changes of the event as canonical JSON: of a long list, the bytes that its entry hashes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT changes FROM audit_event_changes WHERE event_id = %s", [event.pk])
        row = cursor.fetchone()
    if row is not None:
        return str(row[0]).encode()
    listed = json.dumps(entry_of(event)["changes"], separators=(",", ":"), ensure_ascii=False)
    return listed.encode()


def summary(entry: dict[str, Any]) -> str:
    """What a list says of an entry: why it was refused, else the reason given, else what it noted."""
    if entry["verdict"] != "allow":
        return str(entry["reason"])
    data = entry["data"]
    said = data.get("reason") or data.get("name")
    if said:
        return str(said)
    return in_words({name: value for name, value in data.items() if value and name != "asked"})


def in_words(value: object) -> str:
    """A JSON value as a line of text."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {in_words(of)}" for name, of in value.items())
    if isinstance(value, list):
        return ", ".join(in_words(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


_VERBS = {"I": "added", "U": "changed", "D": "deleted"}


def _change(change: dict[str, Any]) -> Change:
    return Change(change["table"], change["pk"], _VERBS[change["op"]], change["sha256"])


def _search_page(filters: EventFilter, cursor: Cursor, *, limit: int) -> EventPage:
    ids = matching_ids(filters, _conditions(filters), cursor, limit=limit + 1)
    shown = Event.objects.prefetch_related("leaf").filter(pk__in=ids[:limit]).order_by("-id")
    is_more = len(ids) > limit
    if cursor.after:
        return EventPage(list(shown), has_newer=is_more, has_older=True)
    return EventPage(list(shown), has_newer=bool(cursor.before), has_older=is_more)


def _matching(filters: EventFilter) -> QuerySet[Event]:
    # Not joined: of a page in the middle, the planner would read the leaves from the first one on.
    found = Event.objects.prefetch_related("leaf").filter(**_conditions(filters))
    if filters.since:
        found = found.filter(at__gte=filters.since)
    if filters.until:
        found = found.filter(at__lt=filters.until)
    return found


def _conditions(filters: EventFilter) -> dict[str, str]:
    """The filters by a column, as lookups on an event."""
    exact = {name: wanted for name in EXACT if (wanted := getattr(filters, name))}
    for name in PATTERNS:
        if wanted := getattr(filters, name):
            lookup = f"{name}__startswith" if wanted.endswith("*") else name
            exact[lookup] = wanted.removesuffix("*")
    return exact


def _beyond(cursor: Cursor, *, is_by_time: bool) -> Q:
    direction = "lt" if cursor.before else "gt"
    number = cursor.before or cursor.after or 0
    beyond = Q(**{f"id__{direction}": number})
    if not is_by_time:
        return beyond
    # Numbers and instants are drawn together, but not in step: under a time range the order is by
    # instant, which one index serves, then by number.
    at = Event.objects.filter(pk=number).values_list("at", flat=True).first()
    if at is None:
        name = "before" if cursor.before else "after"
        raise ValidationFailed([FieldError(name, "is no event")])
    return Q(**{f"at__{direction}e": at}) & (Q(**{f"at__{direction}": at}) | beyond)
