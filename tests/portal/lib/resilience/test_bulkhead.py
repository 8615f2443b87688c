"""What hangs takes its own places, and nothing else."""

import threading
from collections.abc import Iterator

import pytest

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call
from portal.lib.resilience.bulkhead import BulkheadFull, bulkhead
from portal.lib.resilience.policies import Policy
from tests.portal.conftest import policy
from tests.stack.waiting import wait_until


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    leave = threading.Event()
    yield leave
    leave.set()


def test_a_place_is_taken_until_the_attempt_really_ends(
    table: dict[str, Policy], hanging: threading.Event
) -> None:
    table["made-up"] = policy(
        timeouts=(0.05,), delays=(0.0,), bulkhead=2, breaker=None, is_cut=True
    )
    for _ in range(2):
        with pytest.raises(ApiTimeout):
            call("made-up", lambda _timeout: hanging.wait(30))
    with pytest.raises(BulkheadFull) as full:
        call("made-up", lambda _timeout: "answer")
    assert isinstance(full.value, CircuitOpen)
    assert full.value.retry_after == 1
    hanging.set()
    wait_until(lambda: bulkhead("made-up").taken == 0)
    assert call("made-up", lambda _timeout: "answer").value == "answer"


def test_a_full_one_does_not_touch_its_neighbour(
    table: dict[str, Policy], hanging: threading.Event
) -> None:
    for name in ("made-up", "neighbour"):
        table[name] = policy(
            name, timeouts=(0.05,), delays=(0.0,), bulkhead=1, breaker=None, is_cut=True
        )
    with pytest.raises(ApiTimeout):
        call("made-up", lambda _timeout: hanging.wait(30))
    assert call("neighbour", lambda _timeout: "answer").value == "answer"


def test_an_open_breaker_takes_no_place(table: dict[str, Policy]) -> None:
    def fail(_timeout: float) -> None:
        raise OSError("gone")

    table["made-up"] = policy(timeouts=(1.0,), delays=(0.0,), bulkhead=1)
    for _ in range(20):
        with pytest.raises((ApiTimeout, CircuitOpen)):
            call("made-up", fail)
    assert bulkhead("made-up").taken == 0
