"""Notices a process whose memory grows and grows: the slope of a straight line through the samples of
the last half an hour.

The cure is that processes are replaced: gunicorn after a number of requests, each at another one, and
Celery's after a number of tasks or at a size. This tells when that is no longer enough.
"""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import linear_regression

MIB = 1024 * 1024
HOUR = 60 * 60.0
FEWEST = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, and bytes. While it is young a process fills its caches, and counts for nothing."""

    every: float = 15.0
    window: float = 30 * 60.0
    young: float = 5 * 60.0
    per_hour: float = 48.0 * MIB


LIMITS = Limits()


class Growth:
    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._samples: deque[tuple[float, float]] = deque()
        self._begun: float | None = None

    def note(self, at: float, resident: float) -> None:
        if self._begun is None:
            self._begun = at
        if at - self._begun < self.limits.young:
            return
        self._samples.append((at, resident))
        while self._samples[0][0] < at - self.limits.window:
            self._samples.popleft()

    @property
    def per_hour(self) -> float:
        """Bytes; 0 where memory does not grow all along, and until half a window has been seen.

        One jump, as of a first large export, makes a slope and is no leak, nor is what comes back: the
        least of each quarter has to lie above that of the one before by a third of what the slope says.
        """
        samples = list(self._samples)
        if len(samples) < FEWEST or samples[-1][0] - samples[0][0] < self.limits.window / 2:
            return 0.0
        slope = linear_regression(*zip(*samples, strict=True)).slope
        part = len(samples) // 4
        floors = [min(size for _at, size in samples[n * part : (n + 1) * part]) for n in range(4)]
        rise = (samples[-1][0] - samples[0][0]) * slope / 4
        grows = all(after - before > rise / 3 for before, after in pairwise(floors))
        return max(slope * HOUR, 0.0) if grows else 0.0

    @property
    def is_leak(self) -> bool:
        return self.per_hour > self.limits.per_hour
