"""The time in which nothing could be written down, for whoever reviews it afterwards."""

import itertools
from typing import Any

from audit.journal import line


class Outage:
    def __init__(self) -> None:
        self._since = self._why = ""
        # `next` on it is atomic, where `+= 1` is not.
        self._refusals = itertools.count()
        self._readings = 0

    @property
    def is_on(self) -> bool:
        return bool(self._since)

    def refused(self, why: str) -> None:
        next(self._refusals)
        if not self._since:
            self._since, self._why = line.now(), why

    def to_json(self) -> dict[str, Any]:
        """What the `resumed` line says. Called by one thread at a time."""
        refused = next(self._refusals) - self._readings
        self._readings += 1
        return {"since": self._since, "why": self._why, "refused": refused}
