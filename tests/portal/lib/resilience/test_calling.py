"""Attempts, timeouts and delays exactly as the table says, by a clock that only the test moves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import Kept, Refused, Unavailable, call, clock, deadline, policies
from portal.lib.resilience.breaker import OPEN, circuit
from portal.lib.resilience.policies import Breaker, Policy
from tests.portal.conftest import FakeClock, policy


class Service:
    """Fails so many times, each time taking as long as it may; then answers at once."""

    def __init__(self, clock: FakeClock, failures: int, failure: Exception | None = None) -> None:
        self.clock, self.failures = clock, failures
        self.failure = failure or TimeoutError("no answer")
        self.timeouts: list[float] = []
        self.begun: list[float] = []

    def __call__(self, timeout: float) -> str:
        self.begun.append(self.clock.time)
        self.timeouts.append(timeout)
        if len(self.timeouts) > self.failures:
            return "answer"
        self.clock.time += timeout
        raise self.failure


def test_an_answer_at_once_is_one_attempt(fake_clock: FakeClock, table: dict) -> None:
    service = Service(fake_clock, failures=0)
    answer = call("made-up", service)
    assert (answer.value, answer.is_stale, service.timeouts) == ("answer", False, [10])


def test_the_whole_schedule_and_then_the_breaker_opens(fake_clock: FakeClock, table: dict) -> None:
    service = Service(fake_clock, failures=9)
    with pytest.raises(ApiTimeout) as raised:
        call("made-up", service)
    assert service.timeouts == [10, 15, 20, 30]
    assert fake_clock.slept == [2, 4, 8]
    assert isinstance(raised.value.__cause__, TimeoutError)
    assert raised.value.http_status == 504
    with pytest.raises(CircuitOpen) as refused:
        call("made-up", service)
    assert (refused.value.http_status, refused.value.retry_after) == (503, 30)
    assert len(service.timeouts) == 4


@given(failures=st.integers(0, 6), attempts=st.integers(1, 6), data=st.data())
def test_any_schedule_is_kept_to_the_second(
    failures: int, attempts: int, data: st.DataObject
) -> None:
    timeouts = data.draw(st.lists(st.integers(1, 60), min_size=attempts, max_size=attempts))
    pauses = data.draw(st.lists(st.integers(0, 60), min_size=attempts - 1, max_size=attempts - 1))
    row = policy(
        timeouts=tuple(map(float, timeouts)),
        delays=(0.0, *map(float, pauses)),
        breaker=None,
        is_measured=False,
    )
    fake = FakeClock()
    service = Service(fake, failures)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "POLICIES", {"made-up": row, "cache": policies.policy_of("cache")})
        patch.setattr("portal.lib.resilience.bulkhead._bulkheads", {})
        patch.setattr("portal.lib.resilience.breaker._circuits", {})
        for name, fact in (("monotonic", fake.read), ("now", fake.read), ("sleep", fake.sleep)):
            patch.setattr(clock, name, fact)
        if failures >= attempts:
            with pytest.raises(ApiTimeout):
                call("made-up", service)
        else:
            assert call("made-up", service).value == "answer"
    made = min(failures + 1, attempts)
    assert service.timeouts == timeouts[:made]
    expected = [
        1_000_000 + sum(timeouts[:n]) + sum(pauses[:n])  # what the attempts before took, and pauses
        for n in range(made)
    ]
    assert service.begun == expected


def test_what_it_refuses_is_not_asked_again_and_says_that_it_lives(
    fake_clock: FakeClock, table: dict
) -> None:
    service = Service(fake_clock, failures=9, failure=Refused("HTTP 400"))
    for _ in range(9):
        with pytest.raises(Refused):
            call("made-up", service)
    assert len(service.timeouts) == 9
    assert circuit("made-up").state == "closed"


def test_a_mistake_of_ours_is_not_repeated(fake_clock: FakeClock, table: dict) -> None:
    service = Service(fake_clock, failures=9, failure=KeyError("id"))
    with pytest.raises(KeyError):
        call("made-up", service)
    assert len(service.timeouts) == 1


def test_it_waits_as_long_as_it_is_asked_to(fake_clock: FakeClock, table: dict) -> None:
    service = Service(fake_clock, failures=2, failure=Unavailable("HTTP 429", retry_after=25))
    call("made-up", service)
    assert fake_clock.slept == [25, 25]


def test_a_pause_that_the_deadline_does_not_outlast_is_not_begun(
    fake_clock: FakeClock, table: dict
) -> None:
    service = Service(fake_clock, failures=9, failure=Unavailable("HTTP 503", retry_after=3600))
    with deadline.within(50), pytest.raises(ApiTimeout) as raised:
        call("made-up", service)
    assert (len(service.timeouts), fake_clock.slept) == (1, [])
    assert raised.value.retry_after == 3600


def test_an_attempt_has_no_more_time_than_is_left(fake_clock: FakeClock, table: dict) -> None:
    service = Service(fake_clock, failures=9)
    with deadline.within(20), pytest.raises(ApiTimeout):
        call("made-up", service)
    assert service.timeouts == [10, 8]
    assert fake_clock.time <= 1_000_020


def test_in_a_request_there_is_one_attempt_of_five_seconds_and_no_sleep(
    fake_clock: FakeClock, table: dict
) -> None:
    service = Service(fake_clock, failures=9)
    with deadline.within(60, is_request=True), pytest.raises(ApiTimeout):
        call("made-up", service)
    assert (service.timeouts, fake_clock.slept) == ([5], [])


def test_jitter_only_where_the_table_says_so(
    fake_clock: FakeClock, table: dict[str, Policy]
) -> None:
    table["made-up"] = policy(jitter=1.0, breaker=None)
    with pytest.raises(ApiTimeout):
        call("made-up", Service(fake_clock, failures=9))
    assert all(
        base <= slept <= base + 1 for base, slept in zip([2, 4, 8], fake_clock.slept, strict=True)
    )
    assert fake_clock.slept != [2, 4, 8]


def test_a_fallback_is_marked_stale_with_its_age(fake_clock: FakeClock, table: dict) -> None:
    kept_at = datetime.fromtimestamp(fake_clock.time, UTC) - timedelta(hours=1)
    service = Service(fake_clock, failures=9)
    late = call("made-up", service, fallback=lambda: Kept("old", kept_at))
    assert (late.value, late.is_stale) == ("old", True)
    assert late.age == timedelta(hours=1, seconds=10 + 15 + 20 + 30 + 2 + 4 + 8)
    assert "unavailable" in late.because
    at_once = call("made-up", service, fallback=lambda: Kept("old", kept_at))
    assert at_once.value == "old"
    assert "left alone" in at_once.because


def test_a_fallback_that_has_nothing_hides_nothing(fake_clock: FakeClock, table: dict) -> None:
    with pytest.raises(ApiTimeout):
        call("made-up", Service(fake_clock, failures=9), fallback=lambda: None)


def test_a_success_forgets_the_failures_before(
    fake_clock: FakeClock, table: dict[str, Policy]
) -> None:
    table["made-up"] = policy(
        timeouts=(1.0,), delays=(0.0,), breaker=Breaker(failures=2, is_shared=True)
    )
    for _ in range(3):
        with pytest.raises(ApiTimeout):
            call("made-up", Service(fake_clock, failures=1))
        call("made-up", Service(fake_clock, failures=0))
    assert circuit("made-up").state != OPEN
