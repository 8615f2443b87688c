"""One request to one witness, in a thread of its own, so that whoever waits can stop waiting.

A socket's timeout is for each read, and resolving a name has none at all: only leaving the thread
behind bounds the whole. It touches no database.
"""

import threading

from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call
from portal.lib.resilience.http import Cut, Reply, request

HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


class Exchange(threading.Thread):
    """POSTs to `<url>/add-checkpoint`. Ends with a `reply` or an `error`; follows no redirect."""

    def __init__(self, url: str, body: bytes, *, timeout: float) -> None:
        super().__init__(name="witness", daemon=True)
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._timeout = timeout
        self._cut = Cut()
        self._body = body
        self.reply: Reply | None = None
        self.error = ""
        self.is_abandoned = False

    def run(self) -> None:
        try:
            self.reply = call("witnesses", self._post).value
        except (ApiTimeout, CircuitOpen) as failure:
            cause = failure.__cause__ or failure
            self.error = f"{type(cause).__name__}: {cause}"
        except ValueError as error:
            # A hostname that cannot be one.
            self.error = f"{type(error).__name__}: {error}"

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        self.join(max(0.0, seconds))
        return not self.is_alive()

    def abandon(self) -> None:
        """Cuts the connection, if there is one yet, so that the thread ends soon."""
        self.is_abandoned = True
        self._cut()

    def _post(self, _timeout: float) -> Reply:
        return request(
            "POST",
            self._url,
            timeout=self._timeout,
            body=self._body,
            headers=HEADERS,
            cut=self._cut,
        )
