"""One circuit breaker for each dependency, on pybreaker's states.

pybreaker would hold its lock for as long as the call takes, so that one slow call held up all
others. Here a call is admitted first and reported afterwards, and no lock is held in between.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock

import pybreaker
import structlog

from portal.lib.errors import CircuitOpen
from portal.lib.resilience import clock
from portal.lib.resilience.policies import Breaker, Policy, policy_of
from portal.lib.resilience.shared import shared
from portal.lib.resilience.storage import LocalStorage, SharedStorage

CLOSED, OPEN, HALF_OPEN = (
    pybreaker.STATE_CLOSED,
    pybreaker.STATE_OPEN,
    pybreaker.STATE_HALF_OPEN,
)
# By which a probe may outlast its own timeout before another process may try.
MARGIN = 2.0

log = structlog.get_logger(__name__)


class _Failed(Exception):
    """Stands for the failure that is reported."""


@dataclass(frozen=True, slots=True)
class Change:
    """The breaker went from one state to another at `at`; `by` says why, or who."""

    at: datetime
    before: str
    after: str
    by: str


class Circuit:
    """`admit` raises `CircuitOpen` or says whether this call is the probe; `report` what became
    of a call that was admitted."""

    def __init__(self, policy: Policy, breaker: Breaker) -> None:
        self.policy, self.breaker = policy, breaker
        self.storage = SharedStorage(policy.name) if breaker.is_shared else LocalStorage()
        self._lock = RLock()
        self._machine = pybreaker.CircuitBreaker(
            fail_max=breaker.failures,
            reset_timeout=breaker.cool_down,
            state_storage=self.storage,
            throw_new_error_on_trip=False,
        )

    @property
    def state(self) -> str:
        return self.storage.state

    def admit(self) -> bool:
        if self.state == CLOSED:
            return False
        self._refuse_early()
        if not self.storage.claim_probe(max(self.policy.timeouts) + MARGIN):
            raise self._open("It is being tried by another call.", 1.0)
        # While the probe was claimed, another one may have ended.
        try:
            if self.state == CLOSED:
                self.storage.release_probe()
                return False
            self._refuse_early()
        except CircuitOpen:
            self.storage.release_probe()
            raise
        if self.state == OPEN:
            with self._lock:
                self._machine.half_open()
            self._changed(OPEN, HALF_OPEN, "the cool-down is over")
        return True

    def report(self, *, is_probe: bool, failure: str = "") -> None:
        """A late word of a call from before does not touch a breaker that has opened since."""
        before = self.state
        if not is_probe and before != CLOSED:
            return
        with self._lock:
            if is_probe and before != HALF_OPEN:
                # Closed by a person meanwhile.
                self.storage.release_probe()
                return
            try:
                self._machine.call(_fail if failure else _succeed)
            except _Failed:
                # Opening sets pybreaker's own clock; this is the one that counts here.
                if self.state == OPEN:
                    self.storage.opened_at = datetime.fromtimestamp(clock.now(), UTC)
            if is_probe:
                self.storage.release_probe()
        after = self.state
        if after != before:
            self._changed(before, after, failure or "the probe was answered")

    def close(self, by: str) -> None:
        """Closes it by force. What it guards is tried again at once, and opens it if it fails."""
        before = self.state
        with self._lock:
            self._machine.close()
            self.storage.reset_counter()
            self.storage.release_probe()
        self._changed(before, CLOSED, by)

    def history(self) -> list[Change]:
        return [
            Change(datetime.fromtimestamp(c["at"], UTC), c["before"], c["after"], c["by"])
            for c in self.storage.history()
        ]

    def retry_in(self) -> float:
        """Seconds until an open breaker lets a probe through."""
        opened = self.storage.opened_at
        return opened.timestamp() + self.breaker.cool_down - clock.now() if opened else 0.0

    def _refuse_early(self) -> None:
        if self.state == OPEN and (left := self.retry_in()) > 0:
            raise self._open("It is left alone for a while.", left)

    def _open(self, why: str, seconds: float) -> CircuitOpen:
        message = f"{self.policy.title} does not answer. {why}"
        return CircuitOpen(message, retry_after=max(1, round(seconds)))

    def _changed(self, before: str, after: str, by: str) -> None:
        self.storage.remember({"at": clock.now(), "before": before, "after": after, "by": by[:200]})
        say = log.warning if after == OPEN else log.info
        say("breaker", dependency=self.policy.name, before=before, after=after, by=by)


def _fail() -> None:
    raise _Failed


def _succeed() -> None:
    return


_circuits: dict[str, Circuit] = {}


def circuit(name: str) -> Circuit | None:
    """The breaker of a dependency; None where its policy has none."""
    policy = policy_of(name)
    if policy.breaker is None:
        return None
    return _circuits.get(name) or _circuits.setdefault(name, Circuit(policy, policy.breaker))


def _cache_guard() -> Circuit:
    found = circuit("cache")
    assert found is not None  # noqa: S101 - the table has one
    return found


shared.guard = _cache_guard
