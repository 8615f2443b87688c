"""Percentiles over a window that all processes fill."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.errors import ApiTimeout
from portal.lib.resilience import call, latency, shared
from portal.lib.resilience.policies import Policy
from tests.portal.conftest import FakeClock, policy


def counts_of(values: Sequence[float]) -> list[int]:
    counts = [0] * len(latency.BOUNDS)
    for value in values:
        counts[next(n for n, bound in enumerate(latency.BOUNDS) if value <= bound)] += 1
    return counts


@given(values=st.lists(st.floats(0.001, 60), min_size=1, max_size=200), share=st.floats(0.5, 1))
def test_a_percentile_is_at_most_a_third_above_the_truth(values: list[float], share: float) -> None:
    ranked = sorted(values)
    truth = next(v for n, v in enumerate(ranked, start=1) if n >= share * len(ranked))
    found = latency.percentile(counts_of(values), share)
    assert found is not None
    assert truth <= found <= truth * 1.34 + 0.001


def test_the_last_hour_by_outcome(fake_clock: FakeClock, table: dict[str, Policy]) -> None:
    table["made-up"] = policy(timeouts=(10.0,), delays=(0.0,), breaker=None)

    def slow(_timeout: float) -> None:
        fake_clock.time += 2

    def failing(_timeout: float) -> None:
        fake_clock.time += 9
        raise OSError("gone")

    for _ in range(18):
        call("made-up", slow)
    for _ in range(2):
        with pytest.raises(ApiTimeout):
            call("made-up", failing)
    found = latency.services(["made-up", "witnesses"])
    assert (found["made-up"].calls, found["made-up"].answered) == (20, 18)
    assert found["made-up"].share == 0.9
    assert 9 <= (found["made-up"].p99 or 0) <= 12
    assert found["witnesses"] == latency.Service(0, 0, None, None)
    assert found["witnesses"].share is None
    assert found["made-up"].failed_in_a_row == 2
    fake_clock.time += 2 * 60 * 60
    assert latency.services(["made-up"])["made-up"].calls == 0


def test_what_must_work_without_the_cache_is_counted_by_each_process_alone(
    fake_clock: FakeClock, table: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "_own", {})
    own = policy(timeouts=(10.0,), delays=(0.0,), breaker=None)
    table["made-up"] = own = replace(own, is_measured=False)

    def asked(*_args: object) -> None:
        raise AssertionError("the cache was asked")

    monkeypatch.setattr(shared.Shared, "ask", asked)
    for outcome, seconds in [("answered", 0.2)] * 97 + [("failed", 3.0)] * 3 + [("refused", 0.0)]:
        latency.record(own, outcome, seconds)
    found = latency.services(["made-up"])["made-up"]
    assert (found.calls, found.answered) == (100, 97)
    assert 0.2 <= (found.p95 or 0) <= 0.27
    assert 3 <= (found.p99 or 0) <= 4
    fake_clock.time += 2 * 60 * 60
    assert latency.services(["made-up"])["made-up"].calls == 0
    latency.record(own, "answered", 0.2)
    assert len(latency._own) == 1, "what is older than the hour is let go"


def test_questions_to_the_cache_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_own", {})
    for _ in range(3):
        shared.shared.get("something")
    assert latency.services(["cache"])["cache"].answered == 3


def test_an_answer_ends_a_row_of_failures(table: dict[str, Policy]) -> None:
    table["made-up"] = policy(timeouts=(10.0,), delays=(0.0,), breaker=None)

    def failing(_timeout: float) -> None:
        raise OSError("gone")

    rows = []
    for attempt in (failing, failing, failing, lambda _timeout: None, failing):
        with suppress(ApiTimeout):
            call("made-up", attempt)
        rows.append(latency.services(["made-up"])["made-up"].failed_in_a_row)
    assert rows == [1, 2, 3, 0, 1]
