"""RFC 3339 instants as detectors write them."""

import re
from datetime import UTC, datetime, timedelta, timezone

EXPECTED = "must be an RFC 3339 time with an offset, like 2025-01-31T09:30:00Z"

_RFC3339 = re.compile(
    r"(?P<to_minute>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d+))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3]):(?P<minutes>[0-5]\d))",
    re.ASCII,
)
# The first and the last day of the calendar stand for "not set": Go's zero time, the end of time.
# They also are what some time zone could not show.
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)


def parse_instant(text: str) -> datetime | None:
    """The instant in UTC, to the microsecond; `None` on the first and last day of the calendar.

    A leap second counts as the second after it, as in POSIX time. Raises `ValueError` with a
    message for the sender.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(EXPECTED)
    offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    try:
        minute = datetime.fromisoformat(match["to_minute"].upper())
    except ValueError:
        msg = f"is not a time that exists; it {EXPECTED}"
        raise ValueError(msg) from None
    zone = timezone(-offset if match["sign"] == "-" else offset)
    micros = int((match["fraction"] or "0")[:6].ljust(6, "0"))
    try:
        instant = minute.replace(tzinfo=zone).astimezone(UTC)
        instant += timedelta(seconds=int(match["second"]), microseconds=micros)
    except OverflowError:
        return None
    return instant if _EARLIEST <= instant < _LATEST else None


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC, always with microseconds: one instant has one text."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
