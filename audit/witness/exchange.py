"""One request to one witness, in a thread of its own, so that whoever waits can stop waiting.

A socket's timeout is for each read, and resolving a name has none at all: only leaving the thread
behind bounds the whole. It touches no database.
"""

import contextlib
import http.client
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK = 8192
MAX_REPLY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: bytes


class Exchange(threading.Thread):
    """POSTs to `<url>/add-checkpoint`. Ends with a `reply` or an `error`; follows no redirect."""

    def __init__(self, url: str, body: bytes, *, timeout: float) -> None:
        super().__init__(name="witness", daemon=True)
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        self._path = f"{parts.path.rstrip('/')}/add-checkpoint"
        self._body = body
        self.reply: Reply | None = None
        self.error = ""
        self.is_abandoned = False

    def run(self) -> None:
        try:
            self.reply = self._post()
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ValueError: a hostname that cannot be one, or a connection closed by `abandon`.
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        self.join(max(0.0, seconds))
        return not self.is_alive()

    def abandon(self) -> None:
        """Cuts the connection, if there is one yet, so that the thread ends soon."""
        self.is_abandoned = True
        sock = self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _post(self) -> Reply:
        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "vigil"}
        self._connection.request("POST", self._path, self._body, headers)
        response = self._connection.getresponse()
        body = b""
        while chunk := response.read1(CHUNK):
            body += chunk
            if len(body) > MAX_REPLY:
                msg = f"more than {MAX_REPLY} bytes"
                raise http.client.HTTPException(msg)
        return Reply(response.status, response.getheader("Content-Type", ""), body)
