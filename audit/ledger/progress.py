"""Says how far a long check has come: a bar on a terminal, elsewhere a line now and then."""

import time
from dataclasses import dataclass, field
from typing import TextIO

WIDTH = 30
EVERY = {True: 0.1, False: 10.0}
"""Seconds between two words, on a terminal and elsewhere."""


@dataclass(slots=True)
class ProgressBar:
    stream: TextIO
    _said: float = field(default_factory=time.monotonic)

    def __call__(self, what: str, done: int, total: int) -> None:
        is_terminal, is_last = self.stream.isatty(), done >= total
        now = time.monotonic()
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
