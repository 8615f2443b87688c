import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections

from portal.database import away as away_module
from portal.database.away import Away
from portal.env import replica as replica_settings
from portal.lib.resilience.breaker import CLOSED, circuit
from tests import settings as test_settings
from tests.failover.standby import Standby
from tests.stack.waiting import wait_until


@pytest.fixture(scope="session")
def standby() -> Iterator[Standby]:
    """A replica of the server that the tests run on, with all of its databases."""
    if not test_settings.IS_EMBEDDED:
        pytest.skip("only where servers can be started")
    place = Path(tempfile.mkdtemp(prefix="vigil-standby-"))
    place.chmod(0o755)
    with Standby(settings.VAR.sockets, place / "data", place / "s", fsync=False) as running:
        yield running
    shutil.rmtree(place)


@dataclass
class Outage:
    """The database of the test, which goes and comes back, and a replica of it that stays."""

    standby: Standby
    nowhere: Path

    def begin(self, *, catches_up: bool = True) -> None:
        """What was committed is on the replica; then nothing listens where the database was."""
        if catches_up:
            self.catch_up()
        self._host = connections.settings["default"]["HOST"]
        connections.settings["default"]["HOST"] = str(self.nowhere)
        connection.close()
        self.notice()

    def notice(self) -> None:
        for _ in range(5):
            with pytest.raises(Exception, match=r"connection|left alone"):
                connection.ensure_connection()
        assert circuit("database").state != CLOSED

    def end(self) -> None:
        if self._host:
            connections.settings["default"]["HOST"] = self._host
            connection.close()
            self._host = ""

    def catch_up(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id(), pg_current_wal_insert_lsn()::text")
            _, position = cursor.fetchone()
        with self.on_standby() as server:
            wait_until(
                lambda: server.execute(
                    "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
                    " AND pg_last_xact_replay_timestamp() IS NOT NULL",
                    [position],
                ).fetchone()[0],
                timeout=30,
            )

    def on_standby(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.standby.superuser_url("postgres"), autocommit=True)

    _host: str = ""


@pytest.fixture
def outage(
    committed_db: None, standby: Standby, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Outage]:
    mine = test_settings.VAR.var / f"away-{os.urandom(8).hex()}.json"
    monkeypatch.setattr(away_module, "path", lambda: mine)
    fresh = Away()
    for module in ("base", "replica"):
        monkeypatch.setattr(f"portal.database.{module}.away", fresh)
    url = f"postgresql://portal@/{connection.settings_dict['NAME']}?host={standby.socket_dir}"
    connections.settings["replica"] = replica_settings(connections.settings["default"], url)
    outage = Outage(standby, tmp_path)
    outage.catch_up()
    yield outage
    outage.end()
    connections["replica"].close()
    del connections["replica"], connections.settings["replica"]
    mine.unlink(missing_ok=True)
