"""What the processes share about dependencies, in the cache.

Fails open: while the cache is away every question is answered with None at once, the metric counts
it, and each process goes by what it knows itself. Nothing governed depends on it.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from django.core.cache import cache
from prometheus_client import Counter
from redis.exceptions import RedisError

from portal.lib.errors import CircuitOpen
from portal.lib.resilience import clock

T = TypeVar("T")
PREFIX = "resilience"
# A state that nobody asked about for a day says nothing any more.
KEEP = 24 * 60 * 60
FAILED = Counter(
    "vigil_cache_failures_total",
    "Times that the cache could not be asked, and a process went by what it knows itself.",
    ["use"],
)


class Guard(Protocol):
    @property
    def state(self) -> str: ...
    def admit(self) -> bool: ...
    def report(self, *, is_probe: bool, failure: str = "") -> None: ...


class Shared:
    """The cache, left alone for a few seconds after a failure: a dead one costs one wait."""

    # Its own breaker, which stands on this module and is put here by `breaker`.
    guard: Callable[[], Guard]
    # What becomes of each question, and its seconds; by `latency`, which stands on this as well.
    told: Callable[[str, float], None]

    @property
    def is_away(self) -> bool:
        return self.guard().state != "closed"

    def get(self, key: str) -> Any:
        return self.ask(lambda: cache.get(_named(key)))

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        names = {_named(key): key for key in keys}
        found = self.ask(lambda: cache.get_many(names)) or {}
        return {names[name]: value for name, value in found.items()}

    def set(self, key: str, value: object, *, keep: float = KEEP) -> None:
        self.ask(lambda: cache.set(_named(key), value, keep))

    def add(self, key: str, value: object, *, keep: float = KEEP) -> bool | None:
        """Whether this call was the one that set it; None while the cache is away."""
        return self.ask(lambda: bool(cache.add(_named(key), value, keep)))

    def delete(self, key: str) -> None:
        self.ask(lambda: cache.delete(_named(key)))

    def increase(self, key: str, *, keep: float = KEEP) -> int | None:
        def increased() -> int:
            cache.add(_named(key), 0, keep)
            return int(cache.incr(_named(key)))

        return self.ask(increased)

    def ask(self, question: Callable[[], T]) -> T | None:
        guard = self.guard()
        try:
            is_probe = guard.admit()
        except CircuitOpen:
            FAILED.labels("skipped").inc()
            self.told("refused", 0.0)
            return None
        failure, begun = "", clock.monotonic()
        try:
            return question()
        except ValueError:
            # A counter that vanished between two questions: the cache answered.
            return None
        except (RedisError, OSError) as error:
            failure = f"{type(error).__name__}: {error}"
            FAILED.labels("failed").inc()
            return None
        finally:
            self.told("failed" if failure else "answered", clock.monotonic() - begun)
            guard.report(is_probe=is_probe, failure=failure)


def _named(key: str) -> str:
    return f"{PREFIX}:{key}"


shared = Shared()
