"""Kombu's ways to reach the broker, bounded, and with one name for all that goes wrong there.

What its transport raises depends on where it fails, and is often no error of kombu's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.exceptions import LimitExceeded, OperationalError

from portal.lib.resilience.failing import Unavailable


def options(url: str, timeout: float) -> dict[str, Any]:
    """As `transport_options` of a connection to this broker."""
    if not url.startswith("redis"):
        return {}
    return {"max_retries": 0, "socket_connect_timeout": timeout, "socket_timeout": timeout}


@contextmanager
def failures(connection: Any) -> Iterator[None]:
    """Raises `Unavailable` for whatever kombu and the transport of this connection raise."""
    try:
        yield
    except (OperationalError, LimitExceeded, *connection.connection_errors) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
