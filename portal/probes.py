"""What the watchdog looks at. Each returns a finding, or raises, which counts as failing."""

import http.client
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from kombu import Connection

from portal import emergency
from portal.watchdog import Finding, State

WARN_BELOW = 0.20
CRITICAL_BELOW = 0.05
TIMEOUT = 3


def web(url: str, *, host: str) -> Finding:
    """`/health/live` of the web process at this URL; `host` is what the site calls itself."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health/live", headers={"Host": host})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != http.client.OK:
        return Finding(State.FAILING, f"/health/live answered {status}")
    return Finding(State.OK)


def database(url: str) -> Finding:
    with psycopg.connect(url, connect_timeout=TIMEOUT, application_name="watchdog") as connection:
        connection.execute("SELECT 1")
    return Finding(State.OK)


def broker(url: str) -> Finding:
    limits = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    is_redis = url.startswith("redis")
    with Connection(
        url, connect_timeout=TIMEOUT, transport_options=limits if is_redis else {}
    ) as connection:
        connection.connect()
        if is_redis:
            connection.default_channel.client.ping()
    return Finding(State.OK)


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
