from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest.instants import format_instant, parse_instant

INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 3),
    max_value=datetime(9999, 12, 29),
    timezones=st.timedeltas(
        min_value=timedelta(hours=-23, minutes=-59), max_value=timedelta(hours=23, minutes=59)
    ).map(lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))),
)


@given(INSTANTS)
def test_any_instant_with_any_offset_is_read_in_utc(instant: datetime) -> None:
    parsed = parse_instant(instant.isoformat())
    assert parsed == instant
    assert parsed.tzinfo is UTC


@given(INSTANTS)
def test_one_instant_has_one_text(instant: datetime) -> None:
    text = format_instant(instant)
    assert text == format_instant(instant.astimezone(UTC))
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2025-01-31T09:30:00Z", "2025-01-31T09:30:00.000000Z"),
        ("2025-01-31t09:30:00z", "2025-01-31T09:30:00.000000Z"),
        ("2018-08-03T09:52:26.739266876+02:00", "2018-08-03T07:52:26.739266Z"),
        ("2025-01-31T09:30:00.5-00:00", "2025-01-31T09:30:00.500000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2024-02-29T00:00:00+05:45", "2024-02-28T18:15:00.000000Z"),
        ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00.000000Z"),
        ("0001-06-01T00:00:00Z", "0001-06-01T00:00:00.000000Z"),
    ],
)
def test_rfc_3339(text: str, utc: str) -> None:
    parsed = parse_instant(text)
    assert parsed is not None
    assert format_instant(parsed) == utc


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-05:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.999999999-12:00",
        "9999-12-31T23:59:60Z",
    ],
)
def test_the_ends_of_the_calendar_mean_not_set(text: str) -> None:
    assert parse_instant(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1738315800",
        "2025-01-31",
        "2025-01-31T09:30:00",
        "2025-01-31 09:30:00Z",
        "2025-01-31T09:30Z",
        "2025-01-31T09:30:00+0100",
        "2025-01-31T09:30:00+24:00",
        "2025-01-31T09:30:61Z",
        "2025-01-31T09:30:00.Z",
        "2025-01-31T09:30:00Z\n",
        "٢٠٢٥-01-31T09:30:00Z",
    ],
)
def test_what_is_not_rfc_3339_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an RFC 3339 time with an offset, like 20"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text", ["2025-02-30T00:00:00Z", "2025-01-01T24:00:00Z", "0000-01-01T00:00:00Z"]
)
def test_a_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a time that exists"):
        parse_instant(text)
