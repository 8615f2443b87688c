"""How a process says that it lives: by a file for whoever shares its disk, by a row for who does not.

The file needs nothing but the disk. The row is for a watchdog on another machine: one for each role,
renewed by whichever process of the role works, so that the table never grows. Fails open: a beat that
cannot be told is logged, holds nothing up, and is missed by the watchdog.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from django.conf import settings

EVERY = 5.0
# Which processes beat, besides web, which is asked by HTTP.
ROLES = ("worker", "notifier", "beat", "sequencer", "signer")
TELL = """
INSERT INTO portal_heartbeat (role, instance, beat_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT (role) DO UPDATE SET instance = EXCLUDED.instance, beat_at = EXCLUDED.beat_at
"""
Tell = Callable[[str, tuple[str, str]], object]

log = structlog.get_logger(__name__)


class Heart:
    """Of one process. Whoever beats is known to go on: a loop calls `beat` on each of its turns."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.instance = f"{os.uname().nodename}/{os.getpid()}"
        self._due = float("-inf")
        self._problem = ""

    def beat(self, tell: Tell | None = None) -> None:
        """Costs nothing until it is due. `tell` executes SQL, for the row; what it raises goes on."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        try:
            directory().mkdir(parents=True, exist_ok=True)
            file_of(self.role).touch()
        except OSError as error:
            self.complain(str(error))
        if tell is not None:
            tell(TELL, (self.role, self.instance))

    def complain(self, problem: str) -> None:
        """Says it once, until it is another problem."""
        if problem != self._problem:
            log.warning("beat_not_told", role=self.role, reason=problem)
        self._problem = problem


def directory() -> Path:
    found: Path = settings.VAR.beats
    return found


def file_of(role: str) -> Path:
    return directory() / role


def age(role: str) -> float | None:
    """Seconds since the file was renewed; None where there is none. Below zero where a clock was put
    back since."""
    try:
        return time.time() - file_of(role).stat().st_mtime
    except OSError:
        return None
