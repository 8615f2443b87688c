"""Finding events by the words of their entries."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.event_filters import Cursor, parse_filter
from audit.models import Event, SearchEntry
from audit.rows import row_save
from audit.search import find
from audit.selectors import EventPage, event_page
from incidents.models import Service
from portal.lib.errors import GovernanceDenied, ValidationFailed
from tests.audit.sequencing import sequenced
from tests.people import TESTS, Cast


def add(slug: str, reason: str = "", by: object = TESTS) -> Event:
    row_save(instance=Service(slug=slug, name=slug), by=by, reason=reason)
    return newest()


def newest() -> Event:
    return Event.objects.order_by("-id")[0]


def page(cursor: Cursor | None = None, *, limit: int = 50, **filters: str) -> EventPage:
    return event_page(parse_filter(filters), cursor or Cursor(), limit=limit)


def found(**filters: str) -> list[Event]:
    return page(**filters).events


def test_each_word_of_an_entry_finds_it(cast: Cast) -> None:
    event = add("checkout", "The new warehouse needs it", cast.principal("administrator"))
    sequenced()
    for words in ("warehouse", "WAREHOUSE new", "service_added", "checkout warehouse", "add"):
        assert event in found(text=words), words
    assert found(text="warehouse bicycle") == []
    # People are on record by commitment: `actor` and `about` find them by name, words do not.
    assert found(text="checkout administrator") == []


def test_parts_of_a_name_find_it_as_the_name_does(cast: Cast) -> None:
    event = add("db", "moved to db-7.example.org")
    sequenced()
    for words in ("db-7.example.org", "example", "7 example"):
        assert found(text=words) == [event], words


def test_phrases_alternatives_and_exclusions(cast: Cast) -> None:
    blue, red = add("a", "painted deep blue"), add("b", "painted deep red")
    sequenced()
    assert found(text='"deep blue"') == [blue]
    assert found(text='"blue deep"') == []
    assert found(text="blue or red") == [red, blue]
    assert found(text="painted -blue") == [red]


def test_a_refusal_is_found_by_what_was_refused(cast: Cast) -> None:
    with pytest.raises(GovernanceDenied):
        add("x", by=cast.principal("responder"))
    refusal = newest()
    sequenced()
    assert refusal in found(text="refused or service", verdict="deny")


def test_it_goes_with_every_other_filter(cast: Cast) -> None:
    event = add("a", "quartz", cast.principal("administrator"))
    add("b", "quartz")
    sequenced()
    at = event.at.isoformat()
    assert found(text="quartz", actor="user:*") == [event]
    assert found(text="quartz", action="incidents:service:add", verdict="allow")[-1] == event
    assert found(text="quartz", target=event.target, event="service_added") == [event]
    assert found(text="quartz", **{"from": at})[-1] == event
    assert found(text="quartz", to=at) == []
    assert len(found(text="quartz", within="5m")) == 2


def test_an_event_can_be_found_once_it_is_in_the_log(cast: Cast) -> None:
    sequenced()
    event = add("a", "quartz")
    assert found(text="quartz") == []
    sequenced()
    assert found(text="quartz") == [event]


def test_what_was_on_record_before_is_found_too(cast: Cast) -> None:
    """Nothing but the sequencer's own progress says where to go on: it begins at the first leaf."""
    event = add("a", "quartz")
    assert find.unsearchable() == 0
    sequenced()
    assert find.unsearchable() == 0
    assert SearchEntry.objects.count() == Event.objects.count()
    assert found(text="quartz") == [event]


@pytest.mark.parametrize(
    "text", ["!!!", "-only -excluded", '"', "a" * 201, "nul\0", "& | ! ( ) :*", "-x or y"]
)
def test_what_cannot_be_looked_for_is_refused_by_name(cast: Cast, text: str) -> None:
    with pytest.raises(ValidationFailed) as raised:
        page(text=text)
    assert [error.field for error in raised.value.errors] == ["text"]


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE audit_event; --", "\\' or 1=1", "a:* & b", '"unclosed phrase', "€ 語 é"]
)
def test_what_looks_like_an_attack_is_only_words(cast: Cast, text: str) -> None:
    assert found(text=text) == []


def test_pages_meet_across_windows_and_partitions(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "FIRST", 3)
    monkeypatch.setattr(find, "PARTITION", 10)
    numbers = [add(f"s-{n}", "quartz").pk for n in range(27)][::-1]
    sequenced()
    seen: list[list[int]] = []
    cursor = Cursor()
    while True:
        asked = page(cursor, limit=10, text="quartz")
        seen.append([event.pk for event in asked.events])
        if not asked.has_older:
            break
        cursor = Cursor(before=seen[-1][-1])
    assert [number for numbers in seen for number in numbers] == numbers
    back = page(Cursor(after=seen[1][0]), limit=10, text="quartz")
    assert ([event.pk for event in back.events], back.has_newer) == (seen[0], False)
    oldest = page(Cursor(after=numbers[-1]), limit=10, text="quartz")
    assert ([event.pk for event in oldest.events], oldest.has_newer) == (numbers[-11:-1], True)


@pytest.fixture
def counted() -> Callable[..., int]:
    def count(**filters: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            page(**filters)
        return len(captured)

    return count


def test_a_full_page_costs_the_same_however_much_matches(
    cast: Cast, counted: Callable[..., int]
) -> None:
    asked: list[dict[str, str]] = [{"text": "added"}, {"text": "added", "actor": "system:*"}]

    def costs_after_more() -> list[int]:
        for _ in range(60):
            add(f"s-{uuid4().hex}")
        sequenced()
        return [counted(**filters) for filters in asked]

    # Both are more than a page: a shorter one has another look, into what is older than the newest few
    # thousand, where the tests before this one have left such numbers behind.
    assert costs_after_more() == costs_after_more()
