"""How much of the pod's memory and processor is in use, looked at twice a second by a thread of each
web process. Without that thread nothing is known, and nothing is shed for it."""

import os
import threading
from collections import deque

import psutil
import structlog
from django.db import DatabaseError, connection

from portal.lib.errors import VigilError
from portal.lib.resilience import clock
from portal.limits.board import Board
from portal.limits.incidents import incidents
from portal.limits.processes import Family
from portal.limits.table import CORES, CPU_PART, CPU_SHED, MEMORY, MEMORY_SHED

EVERY = 0.5
# Over so many seconds, so that one slow page does not count as a flood.
WINDOW = 2.0
# Until all is as before, once nothing is short any more: else the first to come back would make it short
# again, and everybody else's work would be slow in turns.
EASE = 6.0
FAMILY_EVERY = 20
INCIDENTS_EVERY = 4

log = structlog.get_logger(__name__)


class Load:
    """`memory` is the share of the pod's 2 GB, `cpu` of its two cores, or of those that there are;
    `machine` of all processor that the machine has, whoever uses it."""

    def __init__(self) -> None:
        self.memory = self.cpu = self.machine = 0.0
        # The share of their places that those below `HIGH` may take.
        self.eased = 1.0
        self._used: deque[tuple[float, float]] = deque()
        self._before: dict[int, float] = {}
        self._begun = 0.0
        self.cores = min(CORES, len(os.sched_getaffinity(0)))

    @property
    def short_of(self) -> str:
        """`memory` or `cpu` where it is above its limit, else empty."""
        if self.memory > MEMORY_SHED:
            return "memory"
        # A full machine counts where Vigil has its part in that: to give way to others helps nobody.
        is_full = self.machine > CPU_SHED and self.cpu > CPU_PART
        return "cpu" if self.cpu > CPU_SHED or is_full else ""

    def note(self, *, resident: float, used: dict[int, float], machine: float) -> None:
        """`used` are the seconds of processor that each process has had so far."""
        now = clock.monotonic()
        self.memory = resident / MEMORY
        # Smoothed over about as long as the rest.
        self.machine += (machine - self.machine) * EVERY / WINDOW * 2
        if self._before:
            gone = sum(
                max(seconds - self._before.get(pid, seconds), 0.0) for pid, seconds in used.items()
            )
            self._used.append((now, gone))
        else:
            self._begun = now
        self._before = used
        while self._used and self._used[0][0] < now - WINDOW:
            self._begun = self._used.popleft()[0]
        passed = now - self._begun
        # A burst at the very start is no load yet.
        if passed >= WINDOW / 2:
            self.cpu = sum(gone for _at, gone in self._used) / passed / self.cores
        self.eased = 0.0 if self.short_of else min(self.eased + EVERY / EASE, 1.0)


load = Load()


def watch(board: Board, stop: threading.Event) -> None:
    family, beats = Family(), 0
    while not stop.is_set():
        try:
            if beats % FAMILY_EVERY == 0:
                family.look()
                board.forget_the_dead()
            load.note(
                resident=family.resident(),
                used=family.processor_seconds(),
                machine=psutil.cpu_percent() / 100,
            )
        except psutil.Error as error:
            log.warning("load_not_known", error=str(error))
        if beats % INCIDENTS_EVERY == 0:
            _look_at_incidents()
        beats += 1
        stop.wait(EVERY)


def _look_at_incidents() -> None:
    try:
        incidents.look()
    except (DatabaseError, VigilError) as error:
        log.warning("urgent_incidents_not_known", error=str(error).strip())
    finally:
        connection.close()
