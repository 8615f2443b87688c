"""Requests a minute, in the cache for all processes together.

Fails open: while the cache is away nothing is counted and everything let through, and the metric
says so. What was over its limit is remembered here until it may go on, so that a flood does not
become one at the cache.
"""

import math
import time
from collections import OrderedDict
from threading import Lock

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from prometheus_client import Counter

from portal.lib.resilience.shared import shared
from portal.limits.table import RATES

OPENED = Counter(
    "vigil_rate_limiter_open",
    "Requests let through uncounted, because the cache was away.",
)
MOST = 10_000


class Rates:
    def __init__(self, storage: Storage) -> None:
        self._strategy = MovingWindowRateLimiter(storage)
        self._items = {
            name: RateLimitItemPerMinute(rate.per_minute, namespace=name)
            for name, rate in RATES.items()
        }
        self._over: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = Lock()

    def wait(self, rate: str, whose: str) -> int:
        """Counts one. 0 where it may go on, else the seconds until one more may."""
        key, now = (rate, whose), time.time()
        if (until := self._over.get(key, 0.0)) > now:
            return math.ceil(until - now)
        item = self._items[rate]
        is_in = shared.ask(lambda: self._strategy.hit(item, whose))
        if is_in is None:
            OPENED.inc()
        if is_in is not False:
            return 0
        stats = shared.ask(lambda: self._strategy.get_window_stats(item, whose))
        until = min(max(stats.reset_time if stats else 0.0, now + 1), now + 60)
        with self._lock:
            self._over[key] = until
            self._over.move_to_end(key)
            while len(self._over) > MOST:
                self._over.popitem(last=False)
        return math.ceil(until - now)


def storage() -> Storage:
    url: str = settings.LIMITS_STORAGE_URL
    if url == "memory://":
        return MemoryStorage()
    return RedisStorage(url, socket_timeout=0.5, socket_connect_timeout=0.5)


_rates: list[Rates] = []


def rates() -> Rates:
    """Made at the first question, in the process that asks it."""
    if not _rates:
        _rates.append(Rates(storage()))
    return _rates[0]
