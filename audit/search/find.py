"""Pages of events by text, or about an object, newest first.

Never are all matches read or sorted. What every entry has is found in the newest few thousand, in the
order of their numbers. After that the partitions are asked one by one, by their index, until the page
is full: what is rare costs a look into the index of each, what is common one partition at most.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db import connection, models
from django.db.models import F

from audit.event_filters import Cursor, EventFilter
from audit.models import Head, SearchEntry, SearchProgress
from audit.search import about
from portal.lib.errors import FieldError, ValidationFailed

FIRST = 8_192
# As in the migration that makes them.
PARTITION = 250_000


def matching_ids(
    filters: EventFilter, conditions: dict[str, Any], cursor: Cursor, *, limit: int
) -> list[int]:
    """At most `limit` ids beyond the cursor, in the direction that the reader goes.

    `conditions` are the other filters, as lookups on an event. Raises `ValidationFailed` for a text
    without a word to look for.
    """
    found = _matching(filters).filter(**{f"event__{name}": v for name, v in conditions.items()})
    newest = SearchEntry.objects.order_by("-event_id").values_list("event_id", flat=True).first()
    sign = "" if cursor.after else "-"
    # By the primary key's own order first. A sum has no index: it leaves the planner none but those of
    # the words, for it takes a word that it never saw for one in every few hundred entries.
    found, order = found.annotate(number=F("event_id") + 0), "event_id"
    ids: list[int] = []
    for low, high in _windows(cursor, newest or 0):
        window = found.filter(event_id__gte=low, event_id__lt=high).order_by(f"{sign}{order}")
        ids += window.values_list("event_id", flat=True)[: limit - len(ids)]
        if len(ids) == limit:
            break
        order = "number"
    return ids


def unsearchable() -> int:
    """How many leaves of the log the search has not come to yet."""
    size = Head.objects.values_list("size", flat=True).get()
    return max(size - SearchProgress.objects.values_list("size", flat=True).get(), 0)


def is_complete(before: int) -> bool:
    """Whether every event on record that is older than `before` can be found."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM audit_pending WHERE event_id < %s) OR EXISTS ("
            "SELECT FROM audit_leaf, audit_search_progress"
            " WHERE index >= size AND event_id < %s)",
            [before, before],
        )
        return not cursor.fetchone()[0]


def _windows(cursor: Cursor, newest: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of ids, beside each other, away from the cursor; none spans two partitions."""
    width = FIRST
    if cursor.after:
        low = cursor.after + 1
        while low <= newest:
            high = min(low + width, low - low % PARTITION + PARTITION)
            yield low, high
            low, width = high, PARTITION
        return
    high = min(cursor.before or newest + 1, newest + 1)
    while high > 1:
        low = max(high - width, (high - 1) // PARTITION * PARTITION)
        yield low, high
        high, width = low, PARTITION


def _matching(filters: EventFilter) -> "models.QuerySet[SearchEntry]":
    found = SearchEntry.objects.all()
    if filters.text:
        _check(filters.text)
        found = found.filter(
            document=SearchQuery(filters.text, config="simple", search_type="websearch")
        )
    if filters.about:
        found = found.filter(about__overlap=about.terms(filters.about))
    if filters.since:
        found = found.filter(at__gte=filters.since)
    if filters.until:
        found = found.filter(at__lt=filters.until)
    return found


def _check(text: str) -> None:
    """What has no word that an entry should have could be answered from no index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT querytree(websearch_to_tsquery('simple', %s))", [text])
        asked = cursor.fetchone()[0]
    if asked in {"", "T"}:
        message = "has no word to look for; one that is only excluded is not enough"
        raise ValidationFailed([FieldError("text", message)])
