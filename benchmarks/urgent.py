"""The work that must go on: notes on a P0 incident and alerts in, at their usual pace."""

import http.client
import json
import time
from collections.abc import Iterator

from benchmarks.flooding import send
from benchmarks.installation import Installation

# Below what one token may ask for in a minute.
EVERY = 0.4


class Urgent:
    """By kind: seconds that each took, and the statuses of what was not accepted."""

    def __init__(self, vigil: Installation) -> None:
        self.took: dict[str, list[float]] = {"note": [], "alert": []}
        self.failed: dict[str, list[int]] = {"note": [], "alert": []}
        self.accepted: list[str] = []
        self._vigil = vigil
        self._kinds = self._in_turn()

    def work(self, seconds: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._vigil.port, timeout=30)
        until = time.monotonic() + seconds
        while (begun := time.monotonic()) < until:
            kind, request = next(self._kinds)
            status, body = send(connection, request)
            self.took[kind].append(time.monotonic() - begun)
            if status // 100 != 2:  # noqa: PLR2004
                self.failed[kind].append(status)
            elif kind == "alert":
                self.accepted += [receipt["id"] for receipt in json.loads(body)["receipts"]]
            time.sleep(max(EVERY - (time.monotonic() - begun), 0))
        connection.close()

    def _in_turn(self) -> Iterator[tuple[str, dict[str, object]]]:
        number = 0
        while True:
            number += 1
            yield "note", self._vigil.note(f"Tried restart number {number}.")
            yield "alert", self._vigil.alert(f"queue {number % 7} is long")
