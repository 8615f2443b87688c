"""Which events are asked for: those that match the filters of the audit viewer, or named ones."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from audit.event_filters import MAX_ID, Cursor, EventFilter, parse_filter
from audit.models import Event
from audit.search.find import is_complete
from audit.selectors import event_page
from portal.lib.errors import Conflict, FieldError, ValidationFailed

MAX_EVENTS = 30_000
"""In one export. With two files an event a pack stays a ZIP that every tool opens."""
MAX_NAMED, MAX_KNOWN = 1_000, 16
PAGE = 100
# How long an export by words, or about an object, waits until all older events can be found.
PATIENCE, POLL = 5.0, 0.1

_RANGE = re.compile(r"([1-9][0-9]{0,18})(?:-([1-9][0-9]{0,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Selection:
    """`events` are ids in rising order; without any, the filters say which, and without these it is
    everything. `known_sizes` are those of older checkpoints that the reader kept: a pack then proves
    that the log continues them."""

    filters: EventFilter = EventFilter()  # noqa: RUF009 - frozen
    events: tuple[int, ...] = ()
    known_sizes: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        asked: dict[str, Any] = {**self.filters.to_params()}
        if self.events:
            asked["events"] = list(self.events)
        if self.known_sizes:
            asked["known_sizes"] = list(self.known_sizes)
        return asked

    def ids(self, *, before: int) -> list[int]:
        """Of the events older than `before`, in rising order.

        Raises `ValidationFailed` where there are more than 30,000, none, or a named one is missing, and
        `Conflict` where the search does not know all of them yet: a part is never given for the whole.
        """
        if self.filters.is_search:
            _wait_for_search(before)
        found = self._named(before) if self.events else sorted(self._matching(before))
        if not found:
            raise _invalid("selection", "matches no event")
        return found

    def _named(self, before: int) -> list[int]:
        known = Event.objects.filter(pk__in=self.events, pk__lt=before)
        found = sorted(known.values_list("pk", flat=True))
        missing = sorted(set(self.events) - set(found))
        if missing:
            raise _invalid("events", f"{missing[0]} is no event")
        return found

    def _matching(self, before: int) -> Iterator[int]:
        count, has_more = 0, True
        while has_more:
            page = event_page(self.filters, Cursor(before=before), limit=PAGE)
            count, has_more = count + len(page.events), page.has_older
            if count > MAX_EVENTS:
                raise _invalid("selection", f"matches more than {MAX_EVENTS} events; narrow it")
            for event in page.events:
                before = event.pk
                yield before


def _wait_for_search(before: int) -> None:
    until = time.monotonic() + PATIENCE
    while not is_complete(before):
        if time.monotonic() > until:
            message = "The search does not know all entries yet. Try again in a moment."
            raise Conflict(message, retry_after=10)
        time.sleep(POLL)


def parse_selection(params: Mapping[str, str]) -> Selection:
    """From the parameters of the audit viewer, or `events` like `1042,1050-1060`; `known_sizes` are
    written likewise.

    Raises `ValidationFailed` that names what is wrong.
    """
    # A while that ends now is another one tomorrow; on record is which instants it meant.
    filters = parse_filter(params).at(timezone.now())
    events = _numbers(params, "events", MAX_NAMED)
    if events and filters != EventFilter():
        raise _invalid("events", "does not go with other filters")
    return Selection(filters, events, _numbers(params, "known_sizes", MAX_KNOWN))


def _numbers(params: Mapping[str, str], name: str, most: int) -> tuple[int, ...]:
    numbers: set[int] = set()
    named = params.get(name, "").replace(" ", "")
    for part in named.split(",") if named else ():
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= MAX_ID:
            raise _invalid(name, "must be numbers and ranges of them, like 1042,1050-1060")
        if last - first + 1 > most - len(numbers):
            raise _invalid(name, f"has more than {most} numbers")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def _invalid(field: str, message: str) -> ValidationFailed:
    return ValidationFailed([FieldError(field, message)])
