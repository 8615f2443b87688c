"""Who leads goes on through an outage of the database, slower at each failure and never silent."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from audit.ledger import leading
from portal.lib.heartbeat import EVERY
from portal.lib.resilience.backoff import Backoff


class Stop(BaseException):
    """Ends the loop, which no failure does."""


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody sleeps; time passes by what was to be slept."""
    pauses: list[float] = []
    own = SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses))
    monkeypatch.setattr(leading, "time", own)
    monkeypatch.setattr(leading, "DatabaseBackoff", Backoff)
    return pauses


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []

    class Heart:
        def __init__(self, role: str) -> None:
            self.role = role

        def beat(self, _tell: object = None) -> None:
            told.append(self.role)

    monkeypatch.setattr(leading, "Heart", Heart)
    return told


def run(turn: Callable[[], bool]) -> None:
    with pytest.raises(Stop):
        leading.lead("sequencer", 0x7E57, lambda: turn)


@pytest.mark.usefixtures("committed_db")
def test_a_turn_that_fails_is_taken_again_after_ever_longer_pauses_and_beats_go_on(
    slept: list[float], beats: list[str]
) -> None:
    failures = iter(range(8))

    def turn() -> bool:
        if next(failures, None) is None:
            raise Stop
        raise OperationalError("the server is gone")

    run(turn)
    # 0.5, 1, 2, 4, 8, 16, 30 and 30 s, each at least half of that.
    assert 45.75 <= sum(slept) <= 91.5
    assert max(slept) <= EVERY / 2
    assert len(beats) > len(slept)
    assert set(beats) == {"sequencer"}


@pytest.mark.usefixtures("committed_db")
def test_a_turn_that_works_ends_the_long_pauses(slept: list[float], beats: list[str]) -> None:
    failing = iter([True] * 6 + [False] + [True])

    def turn() -> bool:
        fails = next(failing, None)
        if fails is None:
            raise Stop
        if fails:
            slept.clear()
            raise OperationalError("the server is gone")
        return True

    run(turn)
    assert sum(slept) <= 0.5
