"""Syncs what nobody waits for, soon after."""

import contextlib
import threading
import time
from queue import Empty, SimpleQueue

from audit.journal.errors import JournalUnavailable
from audit.journal.file import JournalFile

DELAY = 0.05
"""Seconds that an outcome waits for company. With the sync itself it stays under 100 ms."""

Queue = SimpleQueue[JournalFile | None]


class Flusher:
    def __init__(self) -> None:
        # Of all queues this one may be used in a signal handler that interrupts its use.
        self._queue: Queue = SimpleQueue()
        self._thread: threading.Thread | None = None

    def soon(self, file: JournalFile) -> None:
        """Called by one thread at a time."""
        if self._thread is None:
            thread = threading.Thread(
                target=_run, args=(self._queue,), name="journal-flusher", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # The interpreter is about to end: what waits would be lost.
                file.sync(file.tip.seq)
                return
            self._thread = thread
        self._queue.put(file)

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)


def _run(queue: Queue) -> None:
    while (file := queue.get()) is not None:
        waiting, is_ending = _company(queue, file)
        for each in waiting:
            # The file has said that it failed, and its writer leaves it at the next line.
            with contextlib.suppress(JournalUnavailable):
                each.sync(each.tip.seq)
        if is_ending:
            return


def _company(queue: Queue, first: JournalFile) -> tuple[set[JournalFile], bool]:
    """The files that come within the delay, and whether the end came among them."""
    waiting = {first}
    until = time.monotonic() + DELAY
    with contextlib.suppress(Empty):
        while (left := until - time.monotonic()) > 0:
            if (further := queue.get(timeout=left)) is None:
                return waiting, True
            waiting.add(further)
    return waiting, False
