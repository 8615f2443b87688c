import pytest

from audit.event_filters import EventFilter
from audit.evidence import selection as module
from audit.evidence.selection import Selection, parse_selection
from audit.models import Event
from portal.lib.errors import ValidationFailed
from tests.audit.test_ledger import add_services
from tests.people import Cast

LAST = 2**62


def test_named_events_and_ranges_of_them() -> None:
    assert parse_selection({"events": "7, 3-5,4"}).events == (3, 4, 5, 7)
    assert parse_selection({"events": "1-1000"}).events == tuple(range(1, 1001))


def test_the_filters_of_the_audit_viewer() -> None:
    selection = parse_selection({"target": "incidents.incident:*", "from": "2026-02-12T18:30:00Z"})
    assert selection.filters.target == "incidents.incident:*"
    assert selection.to_json() == {"target": "incidents.incident:*", "from": "2026-02-12T18:30Z"}
    assert Selection(events=(1, 2), known_sizes=(9,)).to_json() == {
        "events": [1, 2],
        "known_sizes": [9],
    }


@pytest.mark.parametrize(
    "params",
    [
        *({"events": named} for named in ("0", "-1", "5-3", "1,,2", "x", "1-1001", "9" * 30)),
        *({"events": named} for named in ("1-500,400-1200", "1;2", "²", "1-")),
        {"events": "1", "target": "x"},
        {"known_sizes": "1-17"},
        {"from": "yesterday"},
        {"verdict": "maybe"},
    ],
)
def test_what_cannot_be_meant_is_named(params: dict[str, str]) -> None:
    with pytest.raises(ValidationFailed) as failed:
        parse_selection(params)
    assert failed.value.errors[0].field in params


def test_ids_rise_whatever_the_filters_order_by(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    add_services(11)
    *everything, last = sorted(Event.objects.values_list("pk", flat=True))
    since = Event.objects.order_by("pk").first().at
    assert Selection().ids(before=last) == everything
    assert Selection(EventFilter(since=since)).ids(before=last) == everything
    assert Selection(EventFilter(event="service_added")).ids(before=last) == everything[-10:]
    assert Selection().ids(before=everything[4]) == everything[:4]


def test_named_events_have_to_exist(cast: Cast) -> None:
    first = Event.objects.order_by("pk").first().pk
    assert Selection(events=(first,)).ids(before=LAST) == [first]
    with pytest.raises(ValidationFailed, match=f"{first + 10**6} is no event"):
        Selection(events=(first, first + 10**6)).ids(before=LAST)
    with pytest.raises(ValidationFailed, match="is no event"):
        Selection(events=(first,)).ids(before=first)


def test_a_selection_of_nothing_or_of_too_much_is_refused(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationFailed, match="matches no event"):
        Selection(EventFilter(target="nothing")).ids(before=LAST)
    monkeypatch.setattr(module, "MAX_EVENTS", 5)
    with pytest.raises(ValidationFailed, match="more than 5 events"):
        Selection().ids(before=LAST)
