"""A child never outlives what is left of its parent's time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.resilience import clock, deadline
from portal.lib.resilience.deadline import DeadlineExceeded
from tests.portal.conftest import FakeClock

seconds = st.floats(min_value=0, max_value=1000, allow_nan=False)


def test_without_a_deadline_there_is_no_end() -> None:
    assert deadline.remaining() == float("inf")
    assert deadline.bounded(10) == 10
    assert deadline.at() is None


@given(levels=st.lists(st.tuples(seconds, seconds), min_size=1, max_size=8))
def test_a_child_never_outlives_its_parent(levels: list[tuple[float, float]]) -> None:
    """Levels of (time given, time spent before the next level begins)."""
    fake = FakeClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "monotonic", fake.read)
        entered, left = [], []
        for given_time, spent in levels:
            level = deadline.within(given_time)
            level.__enter__()
            entered.append(level)
            left.append(fake.time + deadline.remaining())
            assert deadline.remaining() <= given_time + 1e-6
            fake.time += spent
        assert all(child <= parent + 1e-6 for parent, child in itertools.pairwise(left))
        for level, end in zip(reversed(entered), reversed(left), strict=True):
            assert abs(fake.time + deadline.remaining() - end) < 1e-6
            level.__exit__(None, None, None)
        assert deadline.remaining() == float("inf")


@given(parent=seconds, spent=seconds, limit=seconds, skew=st.floats(-1, 1))
def test_a_task_ends_with_the_deadline_its_message_brought(
    parent: float, spent: float, limit: float, skew: float
) -> None:
    """However long the message waited; clocks of two machines differ by `skew`."""
    fake = FakeClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "monotonic", fake.read)
        patch.setattr(clock, "now", fake.read)
        with deadline.within(parent, is_request=True):
            sent = deadline.at()
        fake.time += spent + skew
        with deadline.inherited(sent, at_most=limit):
            assert deadline.remaining() <= max(parent - spent, 0) + 1.001
            assert deadline.remaining() <= limit + 1e-6
            assert not deadline.is_in_request()


def test_what_begins_after_the_end_does_not_begin(fake_clock: FakeClock) -> None:
    with deadline.within(5):
        fake_clock.time += 3
        assert deadline.bounded(10) == 2
        fake_clock.time += 2
        with pytest.raises(DeadlineExceeded):
            deadline.bounded(10)
        with deadline.within(60), pytest.raises(DeadlineExceeded):
            deadline.bounded(1)


def test_it_is_told_as_a_timeout_of_the_api() -> None:
    failure = DeadlineExceeded()
    assert (failure.error_code, failure.http_status, failure.status) == (
        "API_TIMEOUT",
        504,
        "error",
    )
