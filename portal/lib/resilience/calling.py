"""Calls a dependency as its policy says: attempts, timeouts, delays, breaker, bulkhead, fallback.

    answer = call("pagerduty", lambda timeout: http.post(url, body, timeout=timeout))

An attempt gets its timeout in seconds, and raises one of `FAILURES` where the dependency failed.
That asking twice does no harm is the caller's business. In a request there is one attempt, of 5 s
at most; the whole schedule is for tasks, which may sleep.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import structlog
import tenacity

from portal.lib import spans
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import clock, deadline, latency
from portal.lib.resilience.breaker import circuit
from portal.lib.resilience.bulkhead import bulkhead
from portal.lib.resilience.failing import FAILURES, Refused, Unavailable
from portal.lib.resilience.policies import Policy, Tracing, policy_of

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """An answer from before, that a fallback offers."""

    value: T
    kept_at: datetime


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """`age` is set where the value is a stale one, from a fallback; `because` says why then."""

    value: T
    age: timedelta | None = None
    because: str = ""

    @property
    def is_stale(self) -> bool:
        return self.age is not None


def call(
    dependency: str,
    attempt: Callable[[float], T],
    *,
    fallback: Callable[[], Kept[T] | None] | None = None,
) -> Answer[T]:
    """Raises `ApiTimeout` after the last attempt, with the last failure as its cause; `CircuitOpen`
    at once where the breaker is open or the bulkhead full; and what `attempt` raises otherwise.
    A `fallback` that has something is asked before either is raised."""
    policy = policy_of(dependency)
    try:
        return Answer(_retried(policy, attempt))
    except (ApiTimeout, CircuitOpen) as failure:
        kept = fallback() if fallback else None
        if kept is None:
            raise
        age = datetime.fromtimestamp(clock.now(), UTC) - kept.kept_at
        return Answer(kept.value, max(age, timedelta()), failure.message)


def _retried(policy: Policy, attempt: Callable[[float], T]) -> T:
    attempts = 1 if deadline.is_in_request() else policy.attempts

    def once(number: int) -> T:
        limit = policy.timeouts[number - 1]
        if deadline.is_in_request():
            limit = min(limit, deadline.EXTERNAL)
        with _traced(policy):
            return _attempted(policy, attempt, deadline.bounded(limit))

    def is_last(state: tenacity.RetryCallState) -> bool:
        # A pause that the deadline does not outlast is not begun.
        is_in_time = state.upcoming_sleep < deadline.remaining()
        return state.attempt_number >= attempts or not is_in_time

    def told(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "call_tried_again",
            dependency=policy.name,
            attempt=state.attempt_number,
            error=f"{type(error).__name__}: {error}",
        )

    retrying = tenacity.Retrying(
        stop=is_last,
        wait=_pause(policy),
        retry=tenacity.retry_if_exception_type(FAILURES),
        sleep=clock.sleep,
        before_sleep=told,
        reraise=True,
    )
    try:
        for each in retrying:
            with each:
                return once(each.retry_state.attempt_number)
    except FAILURES as failure:
        wanted = getattr(failure, "retry_after", 0.0)
        message = f"{policy.title} is unavailable. Please try again."
        raise ApiTimeout(message, retry_after=round(wanted) or None) from failure
    raise AssertionError("tenacity ends with a result or an exception")


def _pause(policy: Policy) -> Callable[[tenacity.RetryCallState], float]:
    spread = tenacity.wait_random(0, policy.jitter) if policy.jitter else tenacity.wait_none()

    def pause(state: tenacity.RetryCallState) -> float:
        """The table's delay, or what the dependency asked for where that is longer."""
        number = min(state.attempt_number, policy.attempts - 1)
        error = state.outcome.exception() if state.outcome else None
        wanted = error.retry_after if isinstance(error, Unavailable) else 0.0
        return max(policy.delays[number], wanted) + spread(state)

    return pause


def _traced(policy: Policy) -> AbstractContextManager[object]:
    if policy.tracing is Tracing.NOT:
        return nullcontext()
    return spans.outbound(policy.name, is_sent_on=policy.tracing is Tracing.SENT_ON)


def _attempted(policy: Policy, attempt: Callable[[float], T], timeout: float) -> T:
    breaker, begun = circuit(policy.name), clock.monotonic()

    def told(outcome: str) -> None:
        latency.record(policy, outcome, clock.monotonic() - begun)

    try:
        place = bulkhead(policy.name).take()
        try:
            is_probe = breaker.admit() if breaker else False
        except CircuitOpen:
            place.leave()
            raise
    except CircuitOpen:
        told("refused")
        raise
    failure = ""
    try:
        return place.run(attempt, timeout)
    except Refused:
        raise
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"
        raise
    finally:
        told("failed" if failure else "answered")
        if breaker:
            breaker.report(is_probe=is_probe, failure=failure)
