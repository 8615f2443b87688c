"""What the processes share about dependencies, in the cache.

Fails open: while the cache is away every question is answered with None at once, the metric counts
it, and each process goes by what it knows itself. Nothing governed depends on it.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog
from django.core.cache import cache
from prometheus_client import Counter
from redis.exceptions import RedisError

from portal.lib.resilience import clock
from portal.lib.resilience.policies import policy_of

T = TypeVar("T")
PREFIX = "resilience"
# A state that nobody asked about for a day says nothing any more.
KEEP = 24 * 60 * 60
FAILED = Counter(
    "vigil_cache_failures_total",
    "Times that the cache could not be asked, and a process went by what it knows itself.",
    ["use"],
)

log = structlog.get_logger(__name__)


class Shared:
    """The cache, left alone for a few seconds after a failure: a dead one costs one wait."""

    def __init__(self) -> None:
        self.silent_until = float("-inf")

    @property
    def is_away(self) -> bool:
        return clock.monotonic() < self.silent_until

    def get(self, key: str) -> Any:
        return self._ask(lambda: cache.get(_named(key)))

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        names = {_named(key): key for key in keys}
        found = self._ask(lambda: cache.get_many(names)) or {}
        return {names[name]: value for name, value in found.items()}

    def set(self, key: str, value: object, *, keep: float = KEEP) -> None:
        self._ask(lambda: cache.set(_named(key), value, keep))

    def add(self, key: str, value: object, *, keep: float = KEEP) -> bool | None:
        """Whether this call was the one that set it; None while the cache is away."""
        return self._ask(lambda: bool(cache.add(_named(key), value, keep)))

    def delete(self, key: str) -> None:
        self._ask(lambda: cache.delete(_named(key)))

    def increase(self, key: str, *, keep: float = KEEP) -> int | None:
        def increased() -> int:
            cache.add(_named(key), 0, keep)
            return int(cache.incr(_named(key)))

        return self._ask(increased)

    def _ask(self, question: Callable[[], T]) -> T | None:
        if self.is_away:
            FAILED.labels("skipped").inc()
            return None
        try:
            return question()
        except (RedisError, OSError, ValueError) as error:
            # ValueError: a counter that vanished between two questions.
            self._away(error)
            return None

    def _away(self, error: Exception) -> None:
        FAILED.labels("failed").inc()
        breaker = policy_of("cache").breaker
        if breaker is not None and not isinstance(error, ValueError):
            self.silent_until = clock.monotonic() + breaker.cool_down
            log.warning("cache_away", error=str(error), seconds=breaker.cool_down)


def _named(key: str) -> str:
    return f"{PREFIX}:{key}"


shared = Shared()
