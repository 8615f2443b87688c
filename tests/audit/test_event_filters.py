"""The query parameters of the audit viewer and its API."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.event_filters import (
    MAX_ID,
    Cursor,
    EventFilter,
    is_tidy,
    parse_cursor,
    parse_filter,
    parse_limit,
)
from audit.gate.types import Verdict
from portal.lib.errors import ValidationFailed

ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-02-12T18:30:00Z", datetime(2026, 2, 12, 18, 30, tzinfo=UTC)),
        ("2026-02-12T18:30:00+01:00", datetime(2026, 2, 12, 17, 30, tzinfo=UTC)),
        # A plus sign that was not percent-encoded.
        ("2026-02-12T18:30:00 01:00", datetime(2026, 2, 12, 17, 30, tzinfo=UTC)),
        ("2026-02-12T18:30", datetime(2026, 2, 12, 17, 30, tzinfo=UTC)),
        ("2026-02-12 18:30", datetime(2026, 2, 12, 17, 30, tzinfo=UTC)),
        ("2026-07-12T18:30", datetime(2026, 7, 12, 16, 30, tzinfo=UTC)),
        ("2026-02-12", datetime(2026, 2, 11, 23, 0, tzinfo=UTC)),
        ("", None),
    ],
)
def test_instants(typed: str, meant: datetime | None) -> None:
    assert parse_filter({"from": typed}, ZURICH).since == meant


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("from", "yesterday", "is not an instant"),
        ("to", "0001-01-01T00:00:00+14:00", "is not an instant"),
        ("to", "9999-12-31T23:59:00-14:00", "is not an instant"),
        ("actor", "user:\0", "NUL"),
        ("target", "x" * 513, "at most 512"),
        ("event", "drop table", "no name of an event"),
        ("verdict", "maybe", "allow, deny, escalate, failure"),
        ("trace_id", "abc", "32 hexadecimal digits"),
        ("text", "x" * 201, "at most 200"),
        ("text", "a\0", "NUL"),
        ("about", "incident", "is no object"),
        ("about", "incidents.incident:", "is no object"),
        ("about", "user:" + "x" * 201, "is no object"),
        ("within", "0h", "is no while"),
        ("within", "99999d", "is no while"),
        ("within", "7 days", "is no while"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as raised:
        parse_filter({name: value})
    assert [error.field for error in raised.value.errors] == [name]
    assert message in raised.value.errors[0].message


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ValidationFailed) as raised:
        parse_filter({"from": "x", "verdict": "x", "trace_id": "x"})
    assert [error.field for error in raised.value.errors] == ["from", "verdict", "trace_id"]


def test_a_range_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="later than from"):
        parse_filter({"from": "2026-02-12T18:30:00Z", "to": "2026-02-12T18:30:00Z"})


def test_a_while_ends_when_it_is_asked_for() -> None:
    filters = parse_filter({"within": "90m"})
    now = datetime(2026, 2, 12, 18, 30, tzinfo=UTC)
    assert filters.to_params() == {"within": "90m"}
    assert filters.at(now) == EventFilter(since=datetime(2026, 2, 12, 17, 0, tzinfo=UTC))


def test_a_while_does_not_go_with_instants() -> None:
    with pytest.raises(ValidationFailed, match="does not go with from and to"):
        parse_filter({"within": "1h", "from": "2026-02-12T18:30:00Z"})


def test_unknown_parameters_are_ignored() -> None:
    assert parse_filter({"utm_source": "mail", "actor": "user:ada"}) == EventFilter(
        actor="user:ada"
    )


def test_a_star_alone_asks_for_nothing() -> None:
    assert parse_filter({"actor": "*"}) == EventFilter()


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "٣", str(MAX_ID + 1), "9" * 400, "x"])
@pytest.mark.parametrize("name", ["before", "after"])
def test_a_cursor_is_a_number_of_an_event(name: str, value: str) -> None:
    with pytest.raises(ValidationFailed) as raised:
        parse_cursor({name: value})
    assert [error.field for error in raised.value.errors] == [name]


def test_one_goes_one_way_at_a_time() -> None:
    assert parse_cursor({"before": str(MAX_ID)}) == Cursor(before=MAX_ID)
    with pytest.raises(ValidationFailed, match="does not go with before"):
        parse_cursor({"before": "2", "after": "1"})


def test_a_limit_has_a_limit() -> None:
    assert parse_limit({}, default=50, maximum=200) == 50
    assert parse_limit({"limit": "200"}, default=50, maximum=200) == 200
    with pytest.raises(ValidationFailed, match="from 1 to 200"):
        parse_limit({"limit": "201"}, default=50, maximum=200)


@pytest.mark.parametrize(
    ("params", "tidy"),
    [
        ({}, True),
        ({"actor": "user:ada", "before": "3"}, True),
        ({"from": "2026-02-12T18:30Z"}, True),
        ({"from": "2026-02-12T18:30"}, False),
        ({"actor": ""}, False),
    ],
)
def test_an_address_to_share_says_all_it_means(params: dict[str, str], tidy: bool) -> None:
    assert is_tidy(params) is tidy


_TEXT = st.text(st.characters(exclude_characters="\0"), max_size=40).map(str.strip)
_INSTANT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@settings(deadline=None)
@given(
    st.builds(
        EventFilter,
        since=st.none() | _INSTANT.filter(lambda at: at.year < 2050),
        until=st.none() | _INSTANT.filter(lambda at: at.year > 2050),
        actor=_TEXT.filter(lambda text: text != "*"),
        action=_TEXT.filter(lambda text: text != "*"),
        target=_TEXT.filter(lambda text: text != "*"),
        verdict=st.sampled_from(["", *map(str, Verdict)]),
        trace_id=st.sampled_from(["", "0af7651916cd43dd8448eb211c80319c"]),
    )
)
def test_what_is_asked_for_survives_the_address_bar(filters: EventFilter) -> None:
    assert parse_filter(filters.to_params()) == filters
