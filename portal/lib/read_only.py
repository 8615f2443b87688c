"""Read-only mode: the database is away, and a replica answers what only reads.

Fails closed: whatever needs a record of itself calls `refuse`, and then does not happen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.lib.errors import DbUnavailable


class ReadOnly(DbUnavailable):
    default_message = (
        "The database is away: a replica can be read, and nothing can be changed until it is back."
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """`since` is when the database went away; the replica has all that was committed by `as_of`."""

    since: datetime
    as_of: datetime

    @property
    def behind(self) -> timedelta:
        return max(self.since - self.as_of, timedelta())


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


def current() -> Reading | None:
    return _reading.get()


@contextmanager
def reading(from_replica: Reading) -> Iterator[None]:
    token = _reading.set(from_replica)
    try:
        yield
    finally:
        _reading.reset(token)


def refuse() -> None:
    """Raises `ReadOnly` where a replica is being read."""
    if current() is not None:
        raise ReadOnly
