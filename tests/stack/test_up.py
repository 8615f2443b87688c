"""The whole installation, as `make run` starts it. These take their time."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from portal.on_call import URGENCY
from portal.roles import ROLES
from portal.stack.broker import prepare_broker
from portal.stack.layout import Layout
from portal.stack.postgres import EmbeddedPostgres
from portal.stack.process import spawn, stop
from portal.stack.roles import prepare_database
from portal.watchdog import State, read_report
from tests.stack.installation import NAMES, READY, Installation, gone, name_of
from tests.stack.people import Person
from tests.stack.waiting import is_alive, wait_until

pytestmark = pytest.mark.stack

me = Person(python=sys.executable, account=None)


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    """One installation for the tests that leave it running, in a place with an awkward name."""
    home = Path(tempfile.mkdtemp(prefix="vigil-up-"))
    home.chmod(0o755)
    awkward = home / "with space"
    awkward.mkdir()
    installation = Installation(me, awkward / "var")
    try:
        installation.wait_until_ready()
        yield installation
    finally:
        installation.clean_up()
        shutil.rmtree(home)


class TestRunning:
    def test_says_what_to_do_next_in_one_block(self, running: Installation) -> None:
        block = running.said[running.said.index("Vigil is ready") :]
        assert f"http://localhost:{running.port}\n" in block
        for role in ROLES:
            assert re.search(rf"{role} +\w+ +\S{{12,}}\n", block)
        assert re.search(r"Detector token +vgl_\S+\n", block)
        assert "first-run.txt" in block
        assert running.layout.first_run.stat().st_mode & 0o777 == 0o600

    def test_secrets_are_in_no_log(self, running: Installation) -> None:
        secrets = [
            line.split()[-1] for line in running.layout.first_run.read_text().splitlines() if line
        ]
        assert len(secrets) == 7
        for log in running.layout.logs.iterdir():
            assert not any(secret in log.read_text() for secret in secrets)

    def test_a_request_is_logged_without_what_may_be_private(self, running: Installation) -> None:
        assert running.status("/health/live?token=private-text") == 200
        log = running.layout.logs / "web.log"
        wait_until(lambda: '"path": "/health/live", "status": 200' in log.read_text())
        assert "private-text" not in log.read_text()

    def test_the_watchdog_finds_all_well(self, running: Installation) -> None:
        def failing() -> set[str]:
            report = read_report(running.layout.watchdog)
            assert report
            assert set(report.probes) == URGENCY.keys()
            return {n for n, seen in report.probes.items() if seen.state is State.FAILING}

        wait_until(running.layout.watchdog.exists)
        # Another test may have killed something a moment ago; this machine's disk may be full.
        wait_until(lambda: failing() <= {"disk", "journal"}, timeout=45)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_killed_process_comes_back(self, running: Installation, name: str) -> None:
        family = running.kill(name)
        wait_until(gone(family), timeout=40)
        wait_until(lambda: running.child(name) not in {None, family[0]}, timeout=40)
        wait_until(lambda: running.status() == 200, timeout=60)
        assert f"{name} ended (signal SIGKILL); starting it again" in running.said

    @pytest.mark.parametrize(("name", "size"), [("web", 4), ("worker", 2)])
    def test_a_killed_process_of_a_pool_comes_back(
        self, running: Installation, name: str, size: int
    ) -> None:
        def pool() -> list[psutil.Process]:
            parent = running.child(name)
            return [p for p in parent.children() if is_alive(p)] if parent else []

        wait_until(lambda: len(pool()) == size)
        killed = pool()[0]
        killed.kill()
        wait_until(lambda: not is_alive(killed))
        wait_until(lambda: len(pool()) == size)
        after = pool()
        time.sleep(1)
        assert pool() == after, "and stays"

    def test_no_accepted_alert_is_lost(self, running: Installation, place: Path) -> None:
        with (place / "receipts").open("wb") as receipts:
            sender = subprocess.Popen(
                [sys.executable, "-m", "tests.stack.sender"],
                stdout=receipts,
                stderr=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "VIGIL_VAR": str(running.layout.var),
                    "DJANGO_SETTINGS_MODULE": "portal.settings",
                    "SECRET_KEY": "",
                },
            )
        try:
            wait_until((place / "receipts").read_text, timeout=60)
            for name in ("worker", "broker", "postgres", "web", "beat", "postgres", "worker"):
                running.kill(name)
                time.sleep(0.7)
            time.sleep(1)
        finally:
            sender.terminate()
            sender.wait(20)
        wait_until(lambda: running.status() == 200, timeout=60)
        accepted = {int(line) for line in (place / "receipts").read_text().split()}
        assert len(accepted) > 10

        def fates() -> dict[int, str]:
            with psycopg.connect(running.layout.database_url("portal")) as connection:
                rows = connection.execute("SELECT id, fate FROM incidents_alertreceipt").fetchall()
            return dict(rows)

        assert accepted <= fates().keys()
        wait_until(lambda: "pending" not in fates().values(), timeout=90)
        assert {fates()[receipt] for receipt in accepted} <= {"opened", "appended"}

    def test_the_web_listens_on_loopback_alone(self, running: Installation) -> None:
        web = running.child("web")
        assert web
        addresses = {c.laddr[0] for c in web.net_connections("tcp") if c.status == "LISTEN"}
        assert addresses <= {"127.0.0.1", "::1"}
        assert addresses

    def test_no_other_process_listens_on_a_port(self, running: Installation) -> None:
        for process in running.family():
            if name_of(process) != "web":
                assert not [c for c in process.net_connections("tcp") if c.status == "LISTEN"]

    def test_a_second_one_in_the_same_place_is_told_in_one_line(
        self, running: Installation
    ) -> None:
        done = me.run("-m", "portal.stack", VIGIL_VAR=str(running.layout.var))
        assert done.returncode == 1
        assert done.stdout.count("\n") == 1
        assert f"already running in {running.layout.var} (process {running.process.pid})" in (
            done.stdout
        )
        wait_until(lambda: running.status() == 200, timeout=60)


def test_all_data_and_credentials_outlive_a_stop_and_a_kill(place: Path) -> None:
    """Twice in a row, in a place whose path is too long for a socket."""
    var = place / ("d" * 120) / "var"
    var.parent.mkdir()

    first = Installation(me, var)
    first.wait_until_ready()
    family = first.family()
    begun = time.monotonic()
    assert first.end(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 10
    wait_until(gone(family), timeout=5)
    assert not first.layout.sockets.exists(), "a short one elsewhere, which goes at the end"
    credentials = first.layout.first_run.read_text()
    assert credentials.split()[2] in first.said

    second = Installation(me, var)
    second.wait_until_ready()
    assert first.layout.first_run.read_text() == credentials
    assert credentials.split()[2] not in second.said
    assert "first-run.txt" in second.said
    family = second.family()
    kinds = {name_of(process) for process in family}
    assert kinds >= set(NAMES)
    assert len(family) > len(NAMES) + 4, "with the workers of web and worker"
    second.process.kill()
    second.process.wait()
    wait_until(gone(family), timeout=5)

    third = Installation(me, var)
    third.wait_until_ready()
    assert third.end(signal.SIGINT) == 0


def test_an_ordinary_person_runs_it(place: Path, ordinary_person: Person) -> None:
    installation = Installation(ordinary_person, place / "var")
    try:
        installation.wait_until_ready()
        uids = {process.uids().real for process in installation.family()}
        assert uids == {place.stat().st_uid}
        assert 0 not in uids
        assert installation.end(signal.SIGINT) == 0
    finally:
        installation.clean_up()


def test_a_database_and_broker_of_ones_own(place: Path) -> None:
    """Nothing embedded starts, and nobody's database is migrated by a login that may not."""
    mine = Layout(place / "mine")
    queue = prepare_broker(mine.broker, mine.broker_socket)
    broker = spawn(queue, output=subprocess.DEVNULL)
    with EmbeddedPostgres(mine.postgres, mine.sockets, fsync=False) as pg:
        prepare_database(pg.superuser_url("postgres"), "own")
        env = {
            "DATABASE_URL": pg.url("vigil_app", "own"),
            "VIGIL_LEDGER_DATABASE_URL": pg.url("vigil_ledger", "own"),
            "VIGIL_SIGNER_DATABASE_URL": pg.url("vigil_signer", "own"),
            "BROKER_URL": mine.broker_url(),
            "CACHE_URL": mine.cache_url(),
        }
        refused = me.run("-m", "portal.stack", VIGIL_VAR=str(place / "var"), **env)
        assert refused.returncode == 1
        assert "The database needs migrating. Set VIGIL_OWNER_DATABASE_URL" in refused.stdout

        env["VIGIL_OWNER_DATABASE_URL"] = pg.superuser_url("own")
        installation = Installation(me, place / "var", **env)
        try:
            wait_until(lambda: READY in installation.said, timeout=60)
            assert {name_of(p) for p in installation.family()} == set(NAMES) - {
                "postgres",
                "broker",
            }
            assert installation.end(signal.SIGTERM) == 0
        finally:
            installation.clean_up()
            stop(broker, queue, timeout=5)


def test_ctrl_c_while_it_starts_leaves_nothing(place: Path) -> None:
    installation = Installation(me, place / "var")
    wait_until(lambda: "Setting up the database" in installation.said)
    wait_until(lambda: any(name_of(p) == "setup" for p in installation.family()))
    family = installation.family()
    assert installation.end(signal.SIGINT) == 0
    wait_until(gone(family), timeout=5)


class TestOneClearLine:
    def test_a_busy_port(self, place: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            done = me.run("-m", "portal.stack", VIGIL_VAR=str(place / "var"), VIGIL_PORT=str(port))
        assert done.returncode == 1
        assert done.stdout.count("\n") == 1
        assert f"Port {port} on 127.0.0.1 is in use by" in done.stdout
        assert "VIGIL_PORT" in done.stdout
        assert not (place / "var" / "postgres").exists()

    @pytest.mark.parametrize("value", ["eighty", "0", "70000"])
    def test_a_malformed_port(self, place: Path, value: str) -> None:
        done = me.run("-m", "portal.stack", VIGIL_VAR=str(place / "var"), VIGIL_PORT=value)
        assert done.returncode == 1
        assert re.fullmatch(r"vigil: VIGIL_PORT must be .*\n", done.stdout)

    def test_a_var_that_cannot_be_read(self, place: Path, ordinary_person: Person) -> None:
        (place / "var").mkdir(mode=0o000)
        done = ordinary_person.run("-m", "portal.stack", VIGIL_VAR=str(place / "var"))
        assert done.returncode == 1
        assert re.fullmatch(r"vigil: .*var cannot be used: Permission denied\..*\n", done.stdout)

    def test_an_unknown_argument(self, place: Path) -> None:
        done = me.run("-m", "portal.stack", "--fast", VIGIL_VAR=str(place / "var"))
        assert done.returncode == 2
