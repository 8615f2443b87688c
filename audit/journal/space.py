"""Watches the disk's free space: warns below one fifth, blocks below one twentieth."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog

from audit.journal import disk
from audit.journal.errors import JournalUnavailable

log = structlog.get_logger(__name__)

LOW = 0.20
FULL = 0.05
CALM = 0.01
"""How far above `LOW` it is well again, so that a disk at the mark is not told of at every line."""


class Space(StrEnum):
    WELL = "well"
    LOW = "low"
    FULL = "full"


Listener = Callable[[Space, float], None]


class Guard:
    """`listeners` are called with the new state and the free share, once for each change."""

    def __init__(self, *, low: float = LOW, full: float = FULL) -> None:
        self.low = low
        self.full = full
        self.state = Space.WELL
        self.listeners: list[Listener] = []

    def look(self, where: Path | int) -> None:
        """Raises `JournalUnavailable` where it is too full to begin anything."""
        try:
            free = disk.free(where)
        except OSError as error:
            raise JournalUnavailable(f"the free space cannot be read: {error}") from error
        state = self._judge(free)
        if state is not self.state:
            self.state = state
            self._tell(state, free)
        if state is Space.FULL:
            raise JournalUnavailable(f"only {free:.1%} of the disk is free")

    def _judge(self, free: float) -> Space:
        if free < self.full:
            return Space.FULL
        if free < self.low or (self.state is not Space.WELL and free < self.low + CALM):
            return Space.LOW
        return Space.WELL

    def _tell(self, state: Space, free: float) -> None:
        say = {Space.WELL: log.info, Space.LOW: log.warning, Space.FULL: log.critical}[state]
        say("journal_disk", state=state.value, free=round(free, 4))
        for listener in self.listeners:
            listener(state, free)
