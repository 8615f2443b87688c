"""Loops that lost the database come back slower and slower, and by its breaker once that is open."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from portal.lib.resilience import backoff as module
from portal.lib.resilience.backoff import Backoff, DatabaseBackoff
from portal.lib.resilience.breaker import CLOSED, OPEN


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    backoff = Backoff(first=0.5, longest=30)
    for whole in (0.5, 1, 2, 4, 8, 16, 30, 30, 30):
        assert whole / 2 <= backoff.failed() <= whole
    assert len({Backoff().failed() for _ in range(20)}) > 1


def test_it_begins_anew_once_it_worked() -> None:
    backoff = Backoff(first=0.5)
    for _ in range(5):
        backoff.failed()
    backoff.worked()
    assert backoff.failed() <= 0.5


def test_it_never_grows_beyond_what_a_number_can_hold() -> None:
    backoff = Backoff(longest=30)
    assert all(backoff.failed() <= 30 for _ in range(2000))


@pytest.mark.parametrize(("left", "state", "least", "most"), [
    (17.0, OPEN, 17.0, 18.0),
    (-3.0, OPEN, 0.0, 1.0),
    (17.0, CLOSED, 0.25, 0.5),
])  # fmt: skip
def test_an_open_breaker_says_when(
    monkeypatch: pytest.MonkeyPatch, left: float, state: str, least: float, most: float
) -> None:
    breaker = SimpleNamespace(state=state, retry_in=lambda: left)
    monkeypatch.setattr(module, "circuit", lambda _name: breaker)
    assert least <= DatabaseBackoff().failed() <= most


def test_one_more_failure_after_an_outage_is_the_next_pause(monkeypatch: Any) -> None:
    states = itertools.chain([OPEN] * 3, itertools.repeat(CLOSED))
    monkeypatch.setattr(
        module, "circuit", lambda _name: SimpleNamespace(state=next(states), retry_in=lambda: 9.0)
    )
    backoff = DatabaseBackoff()
    assert [9 <= backoff.failed() <= 10 for _ in range(3)] == [True] * 3
    assert 2 <= backoff.failed() <= 4
