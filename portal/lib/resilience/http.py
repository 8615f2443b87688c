"""One HTTP request, bounded in time and size; it follows no redirect.

A socket's timeout is for each read. So that a server that sends a byte now and then cannot hold the
caller, the connection is cut once the whole took too long.
"""

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from portal.lib import spans
from portal.lib.resilience.failing import Refused, Unavailable

CHUNK = 8192
MAX_REPLY = 64 * 1024
LONGEST_RETRY_AFTER = 3600.0
# What says "not now": the same request may well succeed later.
LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
    *(status for status in HTTPStatus if status >= HTTPStatus.INTERNAL_SERVER_ERROR),
}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def retry_after(self) -> float:
        """Seconds; 0 where nothing usable is said."""
        return retry_after(self.headers.get("retry-after", ""))

    def expect(self, *wanted: int) -> "Reply":
        """Raises `Unavailable` for what may be tried again, `Refused` for any other status."""
        if self.status in wanted:
            return self
        if self.status in LATER:
            raise Unavailable(f"HTTP {self.status}", retry_after=self.retry_after)
        said = " ".join(self.body[:200].decode(errors="replace").split())
        raise Refused(f"HTTP {self.status} {said}".strip())


@dataclass(slots=True)
class Cut:
    """Ends a request from another thread, once it has a connection."""

    connected: socket.socket | None = field(default=None)
    is_made: bool = False

    def __call__(self) -> None:
        self.is_made = True
        if self.connected is not None:
            with contextlib.suppress(OSError):
                self.connected.shutdown(socket.SHUT_RDWR)


def request(  # noqa: PLR0913 - a request has that many parts
    method: str,
    url: str,
    *,
    timeout: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    wrap: Callable[[socket.socket], socket.socket] | None = None,
    cut: Cut | None = None,
    admit: Callable[[str], object] | None = None,
) -> Reply:
    """Raises `OSError` and `http.client.HTTPException`; `ValueError` for what is no URL.

    `wrap` secures the connection in place of the usual TLS. Whoever holds `cut` can end it. `admit`
    gets each address that the name has, and raises for one that must not be reached; only an address
    that it has seen is connected to, so that a name cannot change its mind in between.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    if wrap is not None:
        kind = http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    if admit is not None:
        connection._create_connection = _admitted(admit)  # type: ignore[attr-defined] # no other way in
    cut = cut or Cut()
    clock = threading.Timer(timeout, cut)
    clock.daemon = True
    clock.start()
    try:
        if wrap is None:
            connection.connect()
        else:
            address = (connection.host, connection.port)
            connection.sock = wrap(socket.create_connection(address, timeout))
        # The connection forgets it where the answer ends with it.
        cut.connected = connection.sock
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        told = {"User-Agent": "vigil", **spans.headers(), **(headers or {})}
        connection.request(method, path, body, told)
        with connection.getresponse() as response:
            heard = {name.lower(): value for name, value in response.getheaders()}
            reply = Reply(response.status, heard, _read(response))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if cut.is_made:
            raise _late(timeout) from error
        raise
    finally:
        clock.cancel()
        connection.close()
    if cut.is_made:
        # What was cut off can look like an end.
        raise _late(timeout)
    return reply


def _admitted(admit: Callable[[str], object]) -> Callable[..., socket.socket]:
    def connect(target: tuple[str, int], timeout: float, _source: object = None) -> socket.socket:
        found = socket.getaddrinfo(*target, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses:
            admit(address)
        problem = OSError(f"{target[0]} has no address")
        for address in addresses:
            try:
                return socket.create_connection((address, target[1]), timeout)
            except OSError as error:
                problem = error
        raise problem

    return connect


def _late(timeout: float) -> TimeoutError:
    return TimeoutError(f"no whole answer within {timeout:g} s")


def _read(response: http.client.HTTPResponse) -> bytes:
    body = b""
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > MAX_REPLY:
            msg = f"more than {MAX_REPLY} bytes"
            raise http.client.HTTPException(msg)
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


def retry_after(text: str) -> float:
    """The header in seconds. Its other form, a date, depends on two clocks and is not used."""
    return min(float(text), LONGEST_RETRY_AFTER) if text.isdecimal() and text.isascii() else 0.0
