"""Where a breaker's state is kept: in this process, or in the cache for all of them."""

from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol

import pybreaker

from portal.lib.resilience import clock
from portal.lib.resilience.shared import shared

HISTORY = 20


class Storage(Protocol):
    """pybreaker's storage, with the one probe of a half-open breaker and the history besides."""

    state: str
    opened_at: datetime | None

    @property
    def counter(self) -> int: ...
    def claim_probe(self, seconds: float) -> bool:
        """Whether this caller is the one that may try; nobody else may for so many seconds."""

    def release_probe(self) -> None: ...
    def remember(self, change: dict[str, Any]) -> None: ...
    def history(self) -> list[dict[str, Any]]:
        """Newest first."""


class LocalStorage(pybreaker.CircuitMemoryStorage):
    def __init__(self) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._lock = Lock()
        self._claimed_until = float("-inf")
        self._history: list[dict[str, Any]] = []

    def claim_probe(self, seconds: float) -> bool:
        with self._lock:
            if clock.monotonic() < self._claimed_until:
                return False
            self._claimed_until = clock.monotonic() + seconds
            return True

    def release_probe(self) -> None:
        self._claimed_until = float("-inf")

    def remember(self, change: dict[str, Any]) -> None:
        self._history = [change, *self._history][:HISTORY]

    def history(self) -> list[dict[str, Any]]:
        return self._history


class SharedStorage(pybreaker.CircuitBreakerStorage):
    """In the cache; what this process did is kept here as well, and counts while the cache is away."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._own = LocalStorage()

    def _key(self, of: str) -> str:
        return f"{self.name}:{of}"

    @property
    def state(self) -> str:
        found = shared.get(self._key("state"))
        if found is None:
            return self._own.state if shared.is_away else pybreaker.STATE_CLOSED
        return str(found)

    @state.setter
    def state(self, state: str) -> None:
        self._own.state = state
        shared.set(self._key("state"), state)

    @property
    def counter(self) -> int:
        found = shared.get(self._key("failures"))
        if found is None:
            return self._own.counter if shared.is_away else 0
        return int(found)

    def increment_counter(self) -> None:
        self._own.increment_counter()
        shared.increase(self._key("failures"))

    def reset_counter(self) -> None:
        self._own.reset_counter()
        shared.delete(self._key("failures"))

    # One success closes a half-open breaker, and there is one probe: this is local to it.
    @property
    def success_counter(self) -> int:
        return self._own.success_counter

    def increment_success_counter(self) -> None:
        self._own.increment_success_counter()

    def reset_success_counter(self) -> None:
        self._own.reset_success_counter()

    @property
    def opened_at(self) -> datetime | None:
        found = shared.get(self._key("opened_at"))
        return self._own.opened_at if found is None else datetime.fromtimestamp(found, UTC)

    @opened_at.setter
    def opened_at(self, at: datetime) -> None:
        self._own.opened_at = at
        shared.set(self._key("opened_at"), at.timestamp())

    def claim_probe(self, seconds: float) -> bool:
        is_first = shared.add(self._key("probe"), 1, keep=seconds)
        return self._own.claim_probe(seconds) if is_first is None else is_first

    def release_probe(self) -> None:
        self._own.release_probe()
        shared.delete(self._key("probe"))

    def remember(self, change: dict[str, Any]) -> None:
        self._own.remember(change)
        number = shared.increase(self._key("changes"), keep=30 * 24 * 60 * 60)
        if number is not None:
            shared.set(self._key(f"change:{number}"), change, keep=30 * 24 * 60 * 60)

    def history(self) -> list[dict[str, Any]]:
        newest = shared.get(self._key("changes"))
        if newest is None:
            return self._own.history()
        keys = [self._key(f"change:{n}") for n in range(newest, max(newest - HISTORY, 0), -1)]
        found = shared.get_many(keys)
        return [found[key] for key in keys if key in found]
