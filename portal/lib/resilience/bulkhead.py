"""Keeps a dependency that hangs from taking along what does not need it."""

import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from portal.lib.errors import CircuitOpen
from portal.lib.resilience.policies import Policy, policy_of

T = TypeVar("T")


class BulkheadFull(CircuitOpen):
    """As many calls as may be are under way already; this one was not made."""

    default_retry_after = 1


class Bulkhead:
    """A place is taken until the attempt really ends, also when nobody waits for it any more."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._places = threading.BoundedSemaphore(policy.bulkhead) if policy.bulkhead else None
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        return self._taken

    def take(self) -> "Place":
        """Raises `BulkheadFull` at once. The place is given back by its `run`, or its `leave`."""
        if self._places is not None and not self._places.acquire(blocking=False):
            raise BulkheadFull(f"{self.policy.title}: all {self.policy.bulkhead} places are taken.")
        with self._lock:
            self._taken += 1
        return Place(self.policy.is_cut, self._leave)

    def _leave(self) -> None:
        with self._lock:
            self._taken -= 1
        if self._places is not None:
            self._places.release()


@dataclass(frozen=True, slots=True)
class Place:
    is_cut: bool
    leave: Callable[[], None]

    def run(self, attempt: Callable[[float], T], timeout: float) -> T:
        """Raises `TimeoutError` where the attempt is one that is cut, and does not end in time."""
        if not self.is_cut:
            try:
                return attempt(timeout)
            finally:
                self.leave()
        running = _Attempt(attempt, timeout, self.leave)
        running.start()
        return running.outcome(timeout)


class _Attempt(threading.Thread, Generic[T]):
    def __init__(
        self, attempt: Callable[[float], T], timeout: float, leave: Callable[[], None]
    ) -> None:
        super().__init__(name="outbound", daemon=True)
        self._attempt, self._timeout, self._leave = attempt, timeout, leave
        self._context = copy_context()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result.append(self._context.run(self._attempt, self._timeout))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._error = error
        finally:
            self._leave()

    def outcome(self, timeout: float) -> T:
        self.join(timeout)
        if self.is_alive():
            raise TimeoutError(f"no answer within {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._result[0]


_bulkheads: dict[str, Bulkhead] = {}


def bulkhead(name: str) -> Bulkhead:
    return _bulkheads.get(name) or _bulkheads.setdefault(name, Bulkhead(policy_of(name)))
