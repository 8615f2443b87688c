"""Sends requests to this machine at a rate, and counts what became of them.

    python -m benchmarks.flooding PORT RATE SECONDS < requests.json

`requests.json` is a list of `{"method", "url", "headers", "body"}`, sent in turn; a late one is not
made up for. Prints, as JSON, how many were answered with which status, and how long those with a 2xx took.
"""

import collections
import http.client
import itertools
import json
import os
import sys
import threading
import time

THREADS = 150
Request = dict[str, object]


class Flood:
    def __init__(self, port: int, requests: list[Request], rate: float, seconds: float) -> None:
        self.port, self.rate, self.seconds = port, rate, seconds
        self.statuses: collections.Counter[int] = collections.Counter()
        self.took: list[float] = []
        self._turns = zip(itertools.count(), itertools.cycle(requests), strict=False)
        self._lock = threading.Lock()

    def run(self) -> None:
        self._begun = time.monotonic()
        # As many as can have a request under way within two seconds, so that a slow answer to some
        # does not make the flood smaller.
        number = max(min(THREADS, int(self.rate * 2)), 1)
        threads = [threading.Thread(target=self._send_all) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while True:
            with self._lock:
                number, request = next(self._turns)
            due = self._begun + number / self.rate
            if due > self._begun + self.seconds or time.monotonic() > self._begun + self.seconds:
                connection.close()
                return
            time.sleep(max(due - time.monotonic(), 0))
            begun = time.monotonic()
            status = send(connection, request)[0]
            with self._lock:
                self.statuses[status] += 1
                if status // 100 == 2:  # noqa: PLR2004
                    self.took.append(time.monotonic() - begun)


def send(connection: http.client.HTTPConnection, request: Request) -> tuple[int, bytes]:
    """0 where no answer came."""
    try:
        connection.request(**request)  # type: ignore[arg-type] # as read from JSON
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0, b""


if __name__ == "__main__":
    os.nice(19)  # it stands for other machines, and takes what is left of this one
    threading.stack_size(256 * 1024)
    port, rate, seconds = sys.argv[1:]
    flood = Flood(int(port), json.load(sys.stdin), float(rate), float(seconds))
    flood.run()
    print(json.dumps({"statuses": flood.statuses, "took": flood.took}))
