"""What has ended waits here, in a queue of bounded length, for a thread that exports it.

Whoever ends a span never waits: where the queue is full the span is thrown away and counted. The
thread begins with the first span of a process, so also after a fork, and not before it.
"""

import os
import threading
from collections.abc import Callable, Sequence
from queue import Empty, Full, Queue

import structlog
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from portal.tracing.counters import LOST

Export = Callable[[Sequence[ReadableSpan]], None]

log = structlog.get_logger(__name__)


class Batches(SpanProcessor):
    def __init__(self, export: Export, *, queue: int, batch: int, delay: float) -> None:
        self._export, self._size, self._batch, self._delay = export, queue, batch, delay
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """What the parent has waiting is the parent's to send."""
        self._lock = threading.Lock()
        self._waiting: Queue[ReadableSpan] = Queue(self._size)
        self._running: _Exporting | None = None

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        try:
            self._waiting.put_nowait(span)
        except Full:
            LOST.labels("queue_full").inc()
        running = self._running or self._start()
        if running is not None and self._waiting.qsize() >= self._batch:
            running.due.set()

    def flush(self, seconds: float) -> None:
        """Sends what waits; what is not sent within that time is lost. The next span to end begins
        anew."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return
        running.is_last = True
        running.due.set()
        running.join(seconds)
        if running.is_alive():
            LOST.labels("ended").inc(self._waiting.qsize())

    def _start(self) -> "_Exporting | None":
        with self._lock:
            if self._running is None:
                begun = _Exporting(self._export_waiting, self._delay)
                try:
                    begun.start()
                except RuntimeError:
                    # The interpreter is ending and starts no more threads.
                    self._lose_all("ended")
                    return None
                self._running = begun
            return self._running

    def _export_waiting(self) -> None:
        while batch := self._next():
            try:
                self._export(batch)
            except Exception as error:  # noqa: BLE001 - the thread's edge; traces fail open
                LOST.labels("export_failed").inc(len(batch))
                log.warning("traces_not_exported", error=f"{type(error).__name__}: {error}")

    def _next(self) -> list[ReadableSpan]:
        found: list[ReadableSpan] = []
        while len(found) < self._batch:
            try:
                found.append(self._waiting.get_nowait())
            except Empty:
                break
        return found

    def _lose_all(self, reason: str) -> None:
        while lost := self._next():
            LOST.labels(reason).inc(len(lost))


class _Exporting(threading.Thread):
    def __init__(self, export: Callable[[], None], delay: float) -> None:
        super().__init__(name="traces", daemon=True)
        self._export, self._delay = export, delay
        self.due = threading.Event()
        self.is_last = False

    def run(self) -> None:
        while not self.is_last:
            self.due.wait(self._delay)
            self.due.clear()
            self._export()
