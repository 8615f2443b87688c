"""Every process says that it lives, and one that does not is found by name."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection
from structlog.testing import capture_logs

from portal import emergency, guard, heart, probes
from portal.lib import heartbeat
from portal.lib.heartbeat import TELL, Heart
from portal.lib.resilience.backoff import Backoff
from portal.models import Heartbeat
from portal.probes import Beats
from portal.stack.layout import Layout
from portal.stack.processes import ROOT
from portal.watchdog import State, read_report
from tests import database
from tests.database import as_role
from tests.fakes.pagerduty import PagerDuty
from tests.stack.waiting import wait_until

# Asked before any test has a `var` of its own, since the server's socket is in the usual one.
ANY = database.url_of("no_such_database")


@pytest.fixture(autouse=True)
def _own_var(tmp_path: Path, settings: Any) -> None:
    settings.VAR = Layout(tmp_path)


def url_of(name: str) -> str:
    return ANY.replace("no_such_database", name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the watchdog on; files and rows stay where they are."""
    passed = [0.0]
    own = SimpleNamespace(
        monotonic=lambda: time.monotonic() + passed[0], time=lambda: time.time() + passed[0]
    )
    monkeypatch.setattr(probes, "time", own)
    monkeypatch.setattr(heartbeat, "time", own)

    def later(seconds: float) -> None:
        passed[0] += seconds

    return later


class TestFile:
    def test_a_beat_renews_the_file_when_it_is_due(self, clock: Callable[[float], None]) -> None:
        own = Heart("worker")
        own.beat()
        file = heartbeat.file_of("worker")
        os.utime(file, (1, 1))
        own.beat()
        assert file.stat().st_mtime == 1
        clock(5)
        own.beat()
        assert file.stat().st_mtime > 1

    def test_what_cannot_be_written_is_said_once_and_holds_nothing_up(
        self, clock: Callable[[float], None]
    ) -> None:
        heartbeat.directory().write_text("in the way")
        own = Heart("worker")
        with capture_logs() as logs:
            own.beat()
            clock(5)
            own.beat()
        assert [line["event"] for line in logs] == ["beat_not_told"]


class TestJudging:
    def test_a_role_is_given_the_time_to_start(self, clock: Callable[[float], None]) -> None:
        beats = Beats()
        assert beats.look("worker").state is State.OK
        clock(14)
        assert beats.look("worker").state is State.OK

    def test_one_that_never_came_is_found(self, clock: Callable[[float], None]) -> None:
        beats = Beats()
        clock(14)
        beats.ask(rows())
        clock(2)
        found = beats.look("worker")
        assert (found.state, found.detail) == (State.FAILING, "never heard of")

    def test_one_that_fell_silent_is_found_and_comes_back(
        self, clock: Callable[[float], None]
    ) -> None:
        beats, own = Beats(), Heart("worker")
        own.beat()
        clock(10)
        assert beats.look("worker").state is State.OK
        clock(10)
        found = beats.look("worker")
        assert found.state is State.FAILING
        assert found.detail == "silent for 20 s"
        heartbeat.file_of("worker").unlink()
        beats.ask(rows(worker=1))
        assert beats.look("worker").state is State.OK

    def test_a_row_is_enough_where_no_disk_is_shared(self, clock: Callable[[float], None]) -> None:
        beats = Beats()
        for _ in range(6):
            clock(10)
            beats.ask(rows(worker=3, signer=40))
        assert beats.look("worker").state is State.OK
        assert beats.look("signer").detail == "silent for 40 s"
        clock(13)
        assert beats.look("worker").state is State.FAILING, "the row grows old with the clock"

    def test_without_the_database_what_is_known_by_rows_alone_is_not_known(
        self, clock: Callable[[float], None]
    ) -> None:
        beats = Beats()
        beats.ask(rows(worker=1))
        clock(20)
        found = beats.look("worker")
        assert found.state is State.WARNING
        assert "for want of the database" in found.detail

    def test_after_an_outage_of_the_database_everybody_has_time_to_find_it_again(
        self, clock: Callable[[float], None]
    ) -> None:
        beats = Beats()
        beats.ask(rows(worker=1, signer=1))
        Heart("beat").beat()
        clock(60)
        beats.ask(rows(worker=61, signer=61))
        assert beats.look("worker").state is State.OK
        assert beats.look("signer").state is State.OK
        assert beats.look("beat").state is State.FAILING, "its file needs no database"
        for _ in range(5):
            clock(10)
            beats.ask(rows(worker=3, signer=111))
        assert beats.look("worker").state is State.OK
        assert beats.look("signer").state is State.FAILING

    @pytest.mark.parametrize(
        ("role", "state"),
        [
            ("worker", State.FAILING),
            ("beat", State.FAILING),
            ("sequencer", State.WARNING),
            ("signer", State.WARNING),
        ],
    )
    def test_what_hangs_with_the_database_is_not_to_blame(
        self, clock: Callable[[float], None], role: str, state: State
    ) -> None:
        beats = Beats()
        Heart(role).beat()
        clock(20)
        assert beats.look(role).state is state

    def test_a_file_of_the_future_says_nothing(self, clock: Callable[[float], None]) -> None:
        beats = Beats()
        Heart("worker").beat()
        ahead = time.time() + 7200
        os.utime(heartbeat.file_of("worker"), (ahead, ahead))
        clock(20)
        assert beats.look("worker").state is State.FAILING


def rows(**ages: float) -> Any:
    """A connection of a database in which the roles were heard of so long ago."""
    answer = SimpleNamespace(fetchall=lambda: list(ages.items()))
    return SimpleNamespace(execute=lambda _sql: answer)


class TestRow:
    @pytest.mark.parametrize("login", ["vigil_app", "vigil_ledger", "vigil_signer"])
    @pytest.mark.usefixtures("db")
    def test_each_login_renews_one_row_for_its_role(self, login: str) -> None:
        with as_role(login), connection.cursor() as cursor:
            for number in range(3):
                cursor.execute(TELL, ("worker", f"pod-{number}"))
        assert list(Heartbeat.objects.values_list("role", "instance")) == [("worker", "pod-2")]

    @pytest.mark.usefixtures("committed_db")
    def test_the_probe_of_the_database_reads_them(self) -> None:
        url = url_of(connection.settings_dict["NAME"])
        with psycopg.connect(url, autocommit=True) as opened:
            opened.execute(TELL, ("worker", "pod-1"))
            opened.execute(TELL, ("signer", "pod-2"))
            opened.execute(
                "UPDATE portal_heartbeat SET beat_at = beat_at - interval '1 hour'"
                " WHERE role = 'signer'"
            )
        beats = Beats()
        beats._begun -= 100
        assert probes.database(url, beats.ask).state is State.OK
        assert beats.look("worker").state is State.OK
        assert beats.look("signer").state is State.FAILING

    def test_before_its_migration_there_is_no_table_and_no_failure(self) -> None:
        beats = Beats()
        assert probes.database(database.conninfo("postgres"), beats.ask).state is State.OK

    @pytest.mark.usefixtures("committed_db")
    def test_worker_and_beat_tell_it_by_a_connection_of_their_own(self, settings: Any) -> None:
        settings.DATABASE_URL = url_of(connection.settings_dict["NAME"])
        heart._tell(Heart("beat"), Backoff())
        assert Heartbeat.objects.get().role == "beat"

    def test_without_the_database_they_try_again_after_ever_longer_pauses(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.DATABASE_URL = ANY
        pauses: list[float] = []
        own = SimpleNamespace(sleep=pauses.append, time=time.time)
        monkeypatch.setattr(heart, "time", own)
        backoff = Backoff(first=5)
        for _ in range(5):
            heart._tell(Heart("worker"), backoff)
        for pause, whole in zip(pauses, (5, 10, 20, 30, 30), strict=True):
            assert whole / 2 <= pause <= whole

    def test_without_a_database_they_go_on(self, settings: Any) -> None:
        settings.DATABASE_URL = ANY
        with capture_logs() as logs:
            heart._tell(Heart("beat"), Backoff())
        assert [line["event"] for line in logs] == ["beat_not_told"]


@contextmanager
def running(*arguments: str, url: str, var: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        **os.environ,
        "VIGIL_VAR": str(var),
        "SECRET_KEY": "x",
        "DATABASE_URL": url,
        "BROKER_URL": f"redis+socket://{var}/none",
        "CACHE_URL": f"unix://{var}/none",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    with (var / f"{arguments[0]}.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def beat_at(role: str) -> Any:
    return Heartbeat.objects.filter(role=role).values_list("beat_at", flat=True).first()


@pytest.mark.stack
def test_a_sequencer_that_hangs_falls_silent_and_its_standby_does_not_stand_in(
    committed_db: None, tmp_path: Path
) -> None:
    url = url_of(connection.settings_dict["NAME"])
    with running("sequencer", url=url, var=tmp_path) as leader:
        wait_until(lambda: beat_at("sequencer") is not None, timeout=30)
        with running("sequencer", url=url, var=tmp_path):
            wait_until(heartbeat.file_of("sequencer.standby").exists, timeout=30)
            leader.send_signal(signal.SIGSTOP)
            before = beat_at("sequencer")
            time.sleep(6)
            assert beat_at("sequencer") == before
            assert (heartbeat.age("sequencer") or 0) >= 6
            leader.kill()
            wait_until(lambda: beat_at("sequencer") > before, timeout=15)


@pytest.mark.stack
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_watchdog_that_dies_is_noticed_and_paged_by_the_web(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    cloud = PagerDuty()
    settings.EMERGENCY_PAGERDUTY_KEY, settings.EMERGENCY_PAGERDUTY_URL = "k" * 32, cloud.url
    monkeypatch.setattr(guard, "SILENT_AFTER", 12.0)
    began = time.time()
    try:
        with running("watchdog", url=ANY, var=tmp_path) as dog:
            wait_until(lambda: read_report(settings.VAR.watchdog) is not None, timeout=30)
            guard.look(time.time() - 100)
            assert cloud.events == []
            dog.send_signal(number)
            last = read_report(settings.VAR.watchdog)
            wait_until(lambda: _paged_by(began), timeout=30)
            assert read_report(settings.VAR.watchdog) == last, "it beats no more"
            assert "the watchdog has been silent" in cloud.summaries[0]
        with running("watchdog", url=ANY, var=tmp_path):
            wait_until(lambda: not _paged_by(began), timeout=30)
        assert cloud.open == {}
    finally:
        cloud.stop()


def _paged_by(began: float) -> bool:
    guard.look(began - 100)
    return bool(emergency.paged())
