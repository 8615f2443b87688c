"""What the watchdog looks at. Each returns a finding, or raises, which counts as failing."""

import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import psycopg
from kombu import Connection

from portal import emergency
from portal.lib.errors import ApiTimeout
from portal.lib.resilience import call, http
from portal.watchdog import Finding, State

WARN_BELOW = 0.20
CRITICAL_BELOW = 0.05
T = TypeVar("T")


def _probe(attempt: Callable[[float], T]) -> T:
    """Raises what went wrong itself: it is what a person reads in the watchdog's report."""
    try:
        return call("probe", attempt).value
    except ApiTimeout as failure:
        raise failure.__cause__ or failure from None


def web(url: str, *, host: str) -> Finding:
    """`/health/live` of the web process at this URL; `host` is what the site calls itself."""
    headers = {"Host": host}
    reply = _probe(
        lambda timeout: http.request("GET", f"{url}/health/live", timeout=timeout, headers=headers)
    )
    if reply.status != HTTPStatus.OK:
        return Finding(State.FAILING, f"/health/live answered {reply.status}")
    return Finding(State.OK)


def database(url: str) -> Finding:
    def attempt(timeout: float) -> None:
        with psycopg.connect(
            url, connect_timeout=int(timeout), application_name="watchdog"
        ) as connection:
            connection.execute("SELECT 1")

    _probe(attempt)
    return Finding(State.OK)


def broker(url: str) -> Finding:
    _probe(lambda timeout: _ping(url, timeout))
    return Finding(State.OK)


def _ping(url: str, timeout: float) -> None:
    limits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    is_redis = url.startswith("redis")
    with Connection(
        url, connect_timeout=timeout, transport_options=limits if is_redis else {}
    ) as connection:
        connection.connect()
        if is_redis:
            connection.default_channel.client.ping()


def disk(directory: Path) -> Finding:
    total, _, free = shutil.disk_usage(directory)
    share = free / total
    detail = f"{share:.0%} of the disk with {directory} is free"
    if share < CRITICAL_BELOW:
        return Finding(State.FAILING, detail)
    if share < WARN_BELOW:
        return Finding(State.WARNING, detail)
    return Finding(State.OK, detail)


def gate() -> Finding:
    """Known questions with known answers, put to the gate's axioms. A wrong answer closes the gate;
    while it is closed, on-call is paged, once."""
    from audit.gate import latch, vectors  # noqa: PLC0415 - not loading is a finding

    if wrong := vectors.failures():
        latch.close(f"the watchdog: {'; '.join(wrong)}", {"vectors": wrong})
    closed = latch.closed()
    if closed is None:
        return Finding(State.OK)
    is_paged = emergency.page(closed.id, f"The governance gate is latched: {closed.reason}")
    told = "on-call is paged" if is_paged else "nobody could be paged"
    return Finding(State.FAILING, f"latched since {closed.at}: {closed.reason}; {told}")
