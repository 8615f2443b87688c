"""What the watchdog looks at. Each returns a finding, or raises, which counts as failing."""

import os
import shutil
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from kombu import Connection

from portal.lib import heartbeat
from portal.lib.errors import ApiTimeout
from portal.lib.resilience import call, http
from portal.lib.resilience.backoff import LONGEST
from portal.watchdog import Finding, State

WARN_BELOW = 0.20
CRITICAL_BELOW = 0.05
# Three beats.
LATE = 3 * heartbeat.EVERY
# By when whoever waited for the database has tried it again, see `backoff`.
RECONNECT = LONGEST + 1
# What hangs with a database that hangs is not to blame.
WAIT_FOR_DATABASE = {"sequencer", "signer"}
_BEATS = """
SELECT role, extract(epoch FROM clock_timestamp() - beat_at) FROM portal_heartbeat
"""
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


def database(url: str, *asking: Callable[[psycopg.Connection[Any]], None]) -> Finding:
    """By the same connection others ask what they judge: see `Beats` and `Backlog`."""

    def attempt(timeout: float) -> None:
        with psycopg.connect(
            url, connect_timeout=int(timeout), application_name="watchdog", autocommit=True
        ) as connection:
            connection.execute("SELECT 1")
            for ask in asking:
                ask(connection)

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


def journal(directory: Path) -> Finding:
    """Whether bytes come to last where the journal is: not full, not read-only, and room left."""
    directory.mkdir(parents=True, exist_ok=True)
    trial = directory / ".watchdog"
    with trial.open("wb") as file:
        file.write(b"can be written\n")
        file.flush()
        os.fsync(file.fileno())
    trial.unlink(missing_ok=True)
    return disk(directory)


def gate() -> Finding:
    """Known questions with known answers, put to the gate's axioms. A wrong answer closes the gate."""
    from audit.gate import latch, vectors  # noqa: PLC0415 - not loading is a finding

    if wrong := vectors.failures():
        latch.close(f"the watchdog: {'; '.join(wrong)}", {"vectors": wrong})
    closed = latch.closed()
    if closed is None:
        return Finding(State.OK)
    return Finding(State.FAILING, f"latched since {closed.at}: {closed.reason}")


class Beats:
    """When each role was last heard of: by its file here, or by its row in the database.

    The row is asked for by the probe of the database, so that no other one waits for it. What was
    silent from before this watchdog began to look is given the time to start; and who could only be silent
    while the database was away, the time to find it again.
    """

    def __init__(self) -> None:
        self._begun = self._asked = time.monotonic()
        self._excused = float("-inf")
        self._rows: dict[str, float] = {}

    def ask(self, connection: psycopg.Connection[Any]) -> None:
        try:
            rows = connection.execute(_BEATS).fetchall()
        except psycopg.errors.UndefinedTable:
            rows = []  # it comes with a migration
        now = time.monotonic()
        if now - self._asked > LATE:
            self._excused = now + RECONNECT
        self._rows = {role: now - float(age) for role, age in rows}
        self._asked = now

    def look(self, role: str) -> Finding:
        now = time.monotonic()
        file = heartbeat.age(role)
        ages = [now - self._rows[role]] if role in self._rows else []
        if file is not None:
            ages.append(file)
        # What lies ahead by a clock that was put back says nothing.
        heard = min((age for age in ages if age > -LATE), default=None)
        needs_database = file is None or role in WAIT_FOR_DATABASE
        began = max(self._begun, self._excused) if needs_database else self._begun
        silent = now - began if heard is None else min(heard, now - began)
        if silent <= LATE:
            return Finding(State.OK)
        detail = "never heard of" if heard is None else f"silent for {heard:.0f} s"
        if now - self._asked > LATE and needs_database:
            return Finding(State.WARNING, f"{detail}, which may be for want of the database")
        return Finding(State.FAILING, detail)
