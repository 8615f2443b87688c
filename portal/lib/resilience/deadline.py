"""How long the work at hand may still take: request 60 s > API call 30 s > query 10 s > external 5 s.

The deadline goes along with the context, into tasks by their message, and into the database as
`statement_timeout`. What begins within it ends with it: a child can only shorten what is left.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf

from portal.lib.errors import ApiTimeout
from portal.lib.resilience import clock

REQUEST, API_CALL, QUERY, EXTERNAL = 60.0, 30.0, 10.0, 5.0
# A task is stopped by the worker after this.
TASK = 50.0


@dataclass(frozen=True, slots=True)
class Deadline:
    """`ends` by the monotonic clock. In a request nobody may sleep, and calls out are short."""

    ends: float
    is_request: bool = False


class DeadlineExceeded(ApiTimeout):
    default_message = "This took longer than it may, and was given up."


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float, *, is_request: bool | None = None) -> Iterator[None]:
    """Gives the body that long, or what is left of the time around it where that is less."""
    around = _current.get()
    ends = min(clock.monotonic() + seconds, around.ends if around else inf)
    if is_request is None:
        is_request = around is not None and around.is_request
    token = _current.set(Deadline(ends, is_request))
    try:
        yield
    finally:
        _current.reset(token)


def remaining() -> float:
    """Seconds left, infinite without a deadline; 0 or less once it has passed."""
    current = _current.get()
    return current.ends - clock.monotonic() if current else inf


def is_in_request() -> bool:
    current = _current.get()
    return current is not None and current.is_request


def bounded(seconds: float) -> float:
    """`seconds`, or what is left where that is less. Raises `DeadlineExceeded` where nothing is."""
    left = remaining()
    if left <= 0:
        raise DeadlineExceeded
    return min(seconds, left)


def at() -> float | None:
    """The deadline by the wall clock, for another process."""
    left = remaining()
    return None if left == inf else clock.now() + left


@contextmanager
def inherited(at_time: float | None, *, at_most: float) -> Iterator[None]:
    """Carries on, in a task, under the deadline that its message brought along."""
    left = inf if at_time is None else at_time - clock.now()
    with within(min(left, at_most), is_request=False):
        yield
