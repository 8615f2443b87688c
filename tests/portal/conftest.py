import pytest

from portal.lib.resilience import clock, policies
from portal.lib.resilience.policies import POLICIES, Breaker, Direction, Policy


class FakeClock:
    """Time that passes only where somebody sleeps, or where the test says so."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.slept: list[float] = []

    def read(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(clock, "monotonic", fake.read)
    monkeypatch.setattr(clock, "now", fake.read)
    monkeypatch.setattr(clock, "sleep", fake.sleep)
    return fake


def policy(name: str = "made-up", **changes: object) -> Policy:
    """The standard's schedule, run in the caller's thread, for a fake clock."""
    standard: dict[str, object] = {
        "name": name,
        "title": "Made-up",
        "timeouts": (10.0, 15.0, 20.0, 30.0),
        "delays": (0.0, 2.0, 4.0, 8.0),
        "breaker": Breaker(failures=4, is_shared=True),
        "bulkhead": 2,
        "direction": Direction.CLOSED,
        "loses": "nothing",
        "recovers": "by itself",
        "is_cut": False,
        "is_measured": True,
    }
    return Policy(**(standard | changes))  # type: ignore[arg-type] # as the test says


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Policy]:
    """A table of the test's own, with a dependency `made-up` that the test may change."""
    own = {**POLICIES, "made-up": policy()}
    monkeypatch.setattr(policies, "POLICIES", own)
    return own
