"""The table holds the standard's figures, and each row says what it must."""

import pytest

from portal.lib.resilience.deadline import API_CALL, EXTERNAL, QUERY, REQUEST
from portal.lib.resilience.policies import POLICIES, Policy


def test_pages_follow_the_schedule_of_the_standard() -> None:
    row = POLICIES["pagerduty"]
    assert row.timeouts == (10, 15, 20, 30)
    assert row.delays == (0, 2, 4, 8)
    assert row.jitter == 0
    assert row.breaker is not None
    assert (row.breaker.failures, row.breaker.cool_down, row.breaker.is_shared) == (4, 30, True)


def test_the_database_opens_after_five_failures_and_is_tried_every_thirty_seconds() -> None:
    breaker = POLICIES["database"].breaker
    assert breaker is not None
    assert (breaker.failures, breaker.cool_down, breaker.is_shared) == (5, 30, False)


def test_each_level_has_less_time_than_the_one_above() -> None:
    assert (REQUEST, API_CALL, QUERY, EXTERNAL) == (60, 30, 10, 5)


def test_no_attempt_may_take_longer_than_a_minute() -> None:
    assert all(timeout <= 60 for row in POLICIES.values() for timeout in row.timeouts)


@pytest.mark.parametrize("row", POLICIES.values(), ids=lambda row: row.name)
def test_each_row_says_what_is_lost_and_how_it_comes_back(row: Policy) -> None:
    assert row.loses.endswith(".")
    assert row.recovers.endswith(".")


def test_what_must_work_without_the_cache_does_not_ask_it() -> None:
    for name in ("database", "broker", "cache", "emergency-pagerduty", "probe"):
        row = POLICIES[name]
        assert not row.is_measured
        assert row.breaker is None or not row.breaker.is_shared
