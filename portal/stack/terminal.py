"""What a person sees while the stack runs: a short line for what matters, the rest in files."""

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TextIO

from portal.stack.summary import summarize

REPEAT_WINDOW = 10.0
COLOURS = {"dim": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "end": "\x1b[0m"}


@dataclass(slots=True)
class Repeats:
    since: float
    count: int = 0


class Terminal:
    """Written to by the supervisor and by every thread that reads a process's output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colours = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._repeats: dict[tuple[str, str], Repeats] = {}
        self.quiet = False

    def say(self, text: str = "") -> None:
        with self._lock:
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # nobody is looking any more, which stops nothing

    def line(self, name: str, text: str, level: str = "info") -> None:
        at = time.strftime("%H:%M:%S")
        if self._colours:
            start = COLOURS.get(level, "")
            at, name = f"{COLOURS['dim']}{at}", f"{name:<9}{COLOURS['end']}"
            text = f"{start}{text}{COLOURS['end']}"
        self.say(f"{at}  {name:<9} {text}")

    def follow(self, name: str, line: str) -> None:
        """One line that a process wrote: shown short, or not at all."""
        found = None if self.quiet else summarize(name, line)
        if found is None:
            return
        with self._lock:
            known = self._repeats.get((name, found.kind))
            if known is None:
                self._repeats[name, found.kind] = Repeats(time.monotonic())
            else:
                known.count += 1
        if known is None:
            self.line(name, found.text, found.level)

    def tell_repeats(self) -> None:
        """Says how many more there were of what was shown some seconds ago."""
        now = time.monotonic()
        with self._lock:
            due = {k: r for k, r in self._repeats.items() if r.since + REPEAT_WINDOW <= now}
            for key in due:
                del self._repeats[key]
        for (name, kind), repeats in due.items():
            if repeats.count and not self.quiet:
                self.line(name, f"{kind}: {repeats.count} more in {REPEAT_WINDOW:.0f} s")
