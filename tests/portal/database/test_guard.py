"""A database that is away or frozen: five attempts, then none but one each 30 s."""

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import OperationalError, connections
from pytest_django import DjangoDbBlocker

from portal.database.base import DatabaseWrapper
from portal.lib.resilience import clock, deadline
from portal.lib.resilience.breaker import CLOSED, OPEN, circuit
from portal.stack.postgres import SUPERUSER, EmbeddedPostgres
from tests import settings as test_settings
from tests.portal.conftest import FakeClock


class Away:
    """Takes connections, counts them, and hangs up; as a server does that is going down."""

    def __init__(self, directory: Path) -> None:
        self.connections = 0
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(directory / ".s.PGSQL.5432"))
        self._listening.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            opened.close()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def guarded(host: str, *, user: str = SUPERUSER, pool: dict[str, Any] | None = None) -> Any:
    """A connection of Django's to another server."""
    settings_dict = {
        **connections.settings["default"],
        "HOST": host,
        "PORT": "",
        "USER": user,
        "NAME": "postgres",
        "OPTIONS": {"connect_timeout": 2, **({"pool": pool} if pool else {})},
    }
    alias = f"guarded_{os.urandom(4).hex()}"
    connections.settings[alias] = settings_dict
    return connections[alias]


@pytest.fixture(autouse=True)
def _to_servers_of_its_own(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
    for alias in [alias for alias in connections.settings if alias.startswith("guarded_")]:
        connections[alias]._drop_pool()
        del connections[alias], connections.settings[alias]


@pytest.fixture
def away() -> Iterator[tuple[Away, str]]:
    with tempfile.TemporaryDirectory() as directory:
        server = Away(Path(directory))
        yield server, directory
        server.close()


def ask(connection: Any) -> Any:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("pool", [None, {"min_size": 1, "max_size": 4, "timeout": 1}])
def test_after_five_failures_nobody_connects_but_one_probe_each_thirty_seconds(
    away: tuple[Away, str], fake_clock: FakeClock, pool: dict[str, Any] | None
) -> None:
    server, host = away
    connection = guarded(host, pool=pool)
    for _ in range(5):
        with pytest.raises(OperationalError):
            ask(connection)
    breaker = circuit("database")
    assert breaker is not None
    assert breaker.state == OPEN
    if pool is None:
        assert server.connections == 5
    before = server.connections
    for _ in range(200):
        with pytest.raises(OperationalError, match="left alone"):
            ask(connection)
    assert server.connections == before
    for probes in range(1, 4):
        fake_clock.time += 30
        for _ in range(20):
            with pytest.raises(OperationalError):
                ask(connection)
        assert server.connections - before == probes


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A real one, of the test's own."""
    if not test_settings.IS_EMBEDDED:
        pytest.skip("only where servers can be started")
    with tempfile.TemporaryDirectory(prefix="vigil-guard-") as directory:
        Path(directory).chmod(0o755)
        with EmbeddedPostgres(
            Path(directory) / "data", Path(directory) / "s", fsync=False
        ) as running:
            yield running


def processes(server: EmbeddedPostgres) -> list[psutil.Process]:
    postmaster = psutil.Process(server._process.pid)
    return [postmaster, *postmaster.children(recursive=True)]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.mark.parametrize("pool", [None, {"min_size": 1, "max_size": 4, "timeout": 1}])
def test_killed_and_started_again_it_is_used_again_by_itself(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, pool: dict[str, Any] | None
) -> None:
    connection = guarded(str(server.socket_dir), pool=pool)
    assert ask(connection) == 1
    for process in processes(server):
        process.kill()
    server._process.wait(10)
    for _ in range(5):
        with pytest.raises(OperationalError):
            ask(connection)
    assert circuit("database").state == OPEN
    server._output.close()
    server.__enter__()
    with pytest.raises(OperationalError, match="left alone"):
        ask(connection)
    later(monkeypatch, 31)
    assert ask(connection) == 1
    assert circuit("database").state == CLOSED


def test_a_connection_that_died_in_the_pool_is_never_handed_out(server: EmbeddedPostgres) -> None:
    connection = guarded(str(server.socket_dir), pool={"min_size": 2, "max_size": 2, "timeout": 5})
    assert ask(connection) == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    connection.close()
    for _ in range(4):
        assert ask(connection) == 1


def test_a_frozen_server_holds_nobody_beyond_their_deadline(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.database.connection.GRACE", 0.2)
    connection = guarded(str(server.socket_dir))
    frozen = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            frozen = processes(server)
            for process in frozen:
                process.send_signal(signal.SIGSTOP)
            with deadline.within(1), pytest.raises(OperationalError, match="has not answered"):
                cursor.execute("SELECT 1")
        connection.close()
        # New connections are taken by the kernel and answered by nobody.
        for _ in range(5):
            with pytest.raises(OperationalError):
                ask(connection)
        assert circuit("database").state == OPEN
        with pytest.raises(OperationalError, match="left alone"):
            ask(connection)
    finally:
        for process in frozen:
            process.send_signal(signal.SIGCONT)
    later(monkeypatch, 31)
    assert ask(connection) == 1
    assert circuit("database").state == CLOSED


def test_a_busy_pool_is_not_a_database_that_is_away(server: EmbeddedPostgres) -> None:
    pool = {"min_size": 1, "max_size": 1, "timeout": 0.2}
    connection = guarded(str(server.socket_dir), pool=pool)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        waiting = DatabaseWrapper(connection.settings_dict, alias=connection.alias)
        for _ in range(6):
            with pytest.raises(OperationalError):
                ask(waiting)
    assert circuit("database").state == CLOSED
    connection.close()
