"""Says how far a long check has come: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

WIDTH = 30
EVERY = {True: 0.1, False: 10.0}
"""Seconds between two words, on a terminal and elsewhere."""


@dataclass(slots=True)
class ProgressBar:
    stream: TextIO
    clock: Callable[[], float] = time.monotonic
    _said: float = field(init=False)

    def __post_init__(self) -> None:
        self._said = self.clock()

    def __call__(self, what: str, done: int, total: int) -> None:
        is_terminal, is_last = self.stream.isatty(), done >= total
        now = self.clock()
        if now - self._said < EVERY[is_terminal] and not (is_last and is_terminal):
            return
        self._said = now
        share = min(done / total, 1.0) if total else 1.0
        if is_terminal:
            bar = "█" * int(share * WIDTH)
            end = "\n" if is_last else ""
            self.stream.write(f"\r{what:8} {bar:<{WIDTH}} {done:,}/{total:,}{end}")
        else:
            self.stream.write(f"{what}: {share:.0%}, {done:,} of {total:,}\n")
        self.stream.flush()
