"""How long a process that loops waits before it tries the database again, which it is nothing without.

The pauses double, and are spread, so that many processes do not come back at the same moment. Once the
breaker has opened there is nothing to try until its probe is due.
"""

import random

from portal.lib.resilience.breaker import OPEN, circuit

FIRST, LONGEST = 0.5, 30.0


class Backoff:
    def __init__(self, *, first: float = FIRST, longest: float = LONGEST) -> None:
        self.first, self.longest = first, longest
        self._failures = 0

    def failed(self) -> float:
        """Seconds until the next attempt: at least half of what the doubling says."""
        whole = min(self.first * 2.0 ** min(self._failures, 16), self.longest)
        self._failures += 1
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - spread, no secret

    def worked(self) -> None:
        self._failures = 0


class DatabaseBackoff(Backoff):
    def failed(self) -> float:
        pause = super().failed()
        breaker = circuit("database")
        if breaker is None or breaker.state != OPEN:
            return pause
        # A little later than its due, where all processes of a machine would be on time.
        return max(breaker.retry_in(), 0.0) + random.uniform(0.0, 1.0)  # noqa: S311 - as above
