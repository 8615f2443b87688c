"""The time in which nothing could be written down, for whoever reviews it afterwards.

Who tried what meanwhile is kept in memory, as much as is bearable, and written down as soon as the
journal takes lines again; the process's own log has it at once.
"""

import itertools
import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import structlog

from audit.journal import line

log = structlog.get_logger(__name__)

MOST_LISTED = 200
"""Attempts of one outage that a process lists; of further ones it knows the number."""

# What refused an attempt, as a line of it says under `of`.
JOURNAL, LEDGER, DATABASE = "journal", "ledger", "database"
_TOLD = ("actor", "action", "target", "trace_id")


def attempt(fields: Mapping[str, Any], *, of: str, why: str) -> dict[str, Any]:
    """What a `refused` line says. Tells the log as well, which may be all that lasts."""
    told = {name: str(fields.get(name, "")) for name in _TOLD}
    log.error("attempt_refused", of=of, why=why, **told)
    return {"of": of, "why": why, "tried_at": line.now(), "count": 1, **told}


class Outage:
    def __init__(self) -> None:
        self._since = self._why = ""
        # `next` on it is atomic, where `+= 1` is not.
        self._refusals = itertools.count()
        self._readings = 0
        self.attempts: deque[dict[str, Any]] = deque()

    @property
    def is_on(self) -> bool:
        return bool(self._since)

    def refused(self, why: str, kind: str, fields: Mapping[str, Any]) -> None:
        """A line of this kind was not taken."""
        if kind == line.REFUSED:
            listed = dict(fields)
        else:
            listed = attempt(fields, of=JOURNAL, why=why)
            next(self._refusals)
        if len(self.attempts) < MOST_LISTED:
            self.attempts.append(listed)
        if not self._since:
            self._since, self._why = line.now(), why

    def to_json(self) -> dict[str, Any]:
        """What the `resumed` line says. Called by one thread at a time."""
        refused = next(self._refusals) - self._readings
        self._readings += 1
        return {"since": self._since, "why": self._why, "refused": refused}


class Unlisted:
    """Keeps a long outage from filling the disk: after so many lines, attempts are counted only."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listed = 0
        self._more: Counter[str] = Counter()

    def is_listed(self, of: str) -> bool:
        """Whether the next attempt is written down; else it is counted here."""
        with self._lock:
            self._listed += 1
            if self._listed <= MOST_LISTED:
                return True
            self._more[of] += 1
            return False

    def take(self) -> dict[str, int]:
        """What was counted, once things are done again; from then on attempts are listed anew."""
        if not self._listed:
            return {}
        with self._lock:
            more, self._more, self._listed = self._more, Counter(), 0
            return more
