"""Sends batch after batch, and the same one again until it is acknowledged: never gives up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from audit.journal.ship.delivery import NotDelivered, Transport
from audit.journal.ship.positions import Positions
from audit.journal.ship.tail import MAX_LINES, Tail
from portal.lib.resilience.backoff import Backoff

log = structlog.get_logger(__name__)

IDLE = 1.0
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """How many lines were acknowledged, and how many seconds to wait before the next batch."""

    sent: int
    pause: float


class Shipper:
    def __init__(
        self,
        directory: Path,
        transport: Transport,
        positions: Positions,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tail = Tail(directory)
        self._transport = transport
        self._store = positions
        self._positions = positions.load()
        self._sleep = sleep
        self._failures = 0
        self._backoff = Backoff(longest=LONGEST_PAUSE)
        self._stalled = ""
        self._max_lines = MAX_LINES

    def run(self) -> None:
        while True:
            self._sleep(self.step().pause)

    def drain(self) -> bool:
        """Sends what is there now; False where the receiver does not take it."""
        while (step := self.step()).sent or not step.pause:
            continue
        return not self._stalled

    def step(self) -> Step:
        batch = self._tail.next_batch(self._positions, max_lines=self._max_lines)
        if not batch.records:
            return Step(0, IDLE)
        try:
            self._transport.send(batch.records)
        except NotDelivered as failure:
            return Step(0, self._failed(failure))
        self._positions = batch.positions
        try:
            self._store.store(batch.positions)
        except OSError as error:  # After a restart, what follows the last stored one comes again.
            log.critical("journal_ship_positions_lost", reason=str(error))
        if self._stalled:
            log.info("journal_ship_resumed", failures=self._failures)
        self._failures, self._stalled, self._max_lines = 0, "", MAX_LINES
        self._backoff.worked()
        return Step(len(batch.records), IDLE if batch.is_last else 0)

    def _failed(self, failure: NotDelivered) -> float:
        self._failures += 1
        if str(failure) != self._stalled:
            self._stalled = str(failure)
            log.critical("journal_ship_stalled", reason=self._stalled)
        if failure.is_long and self._max_lines > 1:
            self._max_lines //= 2
            return 0
        if failure.is_final:
            return LONGEST_PAUSE
        return max(failure.retry_after, self._backoff.failed())
