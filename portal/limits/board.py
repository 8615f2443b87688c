"""How many are served and wait in each web process, in memory that all of them share.

Made before the processes are forked (gunicorn preloads the application). Each process writes a row of
its own, so that one that is killed takes its numbers along; whoever holds the lock sees them all.
"""

import fcntl
import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from portal.limits.table import Priority

ROWS = 64
ORDER = tuple(Priority)
# How many rows were ever in use, then for each: the process, its counts in flight and waiting.
_USED = struct.Struct("<q")
_ROW = struct.Struct(f"<{1 + 2 * len(ORDER)}q")
Counts = dict[Priority, int]


def _at(row: int) -> int:
    return _USED.size + row * _ROW.size


class Board:
    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _at(ROWS))
        # Its lock ends with the process that holds it, whichever way that ends.
        self._file, path = tempfile.mkstemp()
        Path(path).unlink()
        self._threads = RLock()
        self._pid = self._mine = 0
        self.in_flight: Counts = dict.fromkeys(ORDER, 0)
        self.waiting: Counts = dict.fromkeys(ORDER, 0)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                if self._pid != os.getpid():
                    self._claim()
                yield
                self._write()
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def totals(self) -> tuple[Counts, Counts]:
        """In flight and waiting, in all processes; this one's as they are now."""
        in_flight, waiting = dict(self.in_flight), dict(self.waiting)
        (used,) = _USED.unpack_from(self._memory)
        for number in range(used):
            pid, *numbers = _ROW.unpack_from(self._memory, _at(number))
            if pid and number != self._mine:
                for at, priority in enumerate(ORDER):
                    in_flight[priority] += numbers[at]
                    waiting[priority] += numbers[at + len(ORDER)]
        return in_flight, waiting

    def is_urgent(self) -> bool:
        """Whether anything is served from `HIGH` on, in any process. By a look without the lock, for it
        is asked often and may be wrong for a moment."""
        in_flight, _waiting = self.totals()
        return any(number for each, number in in_flight.items() if each >= Priority.HIGH)

    def forget_the_dead(self) -> None:
        with self.locked():
            for number in range(ROWS):
                pid = self._pid_of(number)
                if pid and not _lives(pid):
                    self._memory[_at(number) : _at(number + 1)] = bytes(_ROW.size)

    def _claim(self) -> None:
        self.in_flight = dict.fromkeys(ORDER, 0)
        self.waiting = dict.fromkeys(ORDER, 0)
        self._pid = os.getpid()
        taken = (self._pid_of(number) for number in range(ROWS))
        free = (n for n, pid in enumerate(taken) if not pid or not _lives(pid))
        # With more processes than rows the last ones share one, and the limit is a little off.
        self._mine = next(free, ROWS - 1)
        (used,) = _USED.unpack_from(self._memory)
        _USED.pack_into(self._memory, 0, max(used, self._mine + 1))

    def _pid_of(self, number: int) -> int:
        return int(struct.unpack_from("<q", self._memory, _at(number))[0])

    def _write(self) -> None:
        numbers = (*self.in_flight.values(), *self.waiting.values())
        _ROW.pack_into(self._memory, _at(self._mine), self._pid, *numbers)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
