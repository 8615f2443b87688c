"""Syncs what nobody waits for, soon after."""

import contextlib
import threading
import time
from queue import SimpleQueue

from audit.journal.errors import JournalUnavailable
from audit.journal.file import JournalFile

DELAY = 0.05
"""Seconds that an outcome waits for company. With the sync itself it stays under 100 ms."""

Queue = SimpleQueue[JournalFile | None]


class Flusher:
    def __init__(self) -> None:
        # Of all queues this one may be used in a signal handler that interrupts its use.
        self._queue: Queue = SimpleQueue()
        self._waiting: set[JournalFile] = set()
        self._thread: threading.Thread | None = None

    def soon(self, file: JournalFile) -> None:
        """Called by one thread at a time. Wakes the flusher once for all that come within the delay."""
        if self._thread is None:
            thread = threading.Thread(
                target=_run, args=(self._queue, self._waiting), name="journal-flusher", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # The interpreter is about to end: what waits would be lost.
                file.sync(file.tip.seq)
                return
            self._thread = thread
        if file not in self._waiting:
            self._waiting.add(file)
            self._queue.put(file)

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)


def _run(queue: Queue, waiting: set[JournalFile]) -> None:
    while (file := queue.get()) is not None:
        time.sleep(DELAY)
        # First, so that a line which this sync may have missed asks for the next one.
        waiting.discard(file)
        # The file has said that it failed, and its writer leaves it at the next line.
        with contextlib.suppress(JournalUnavailable):
            file.sync(file.tip.seq)
