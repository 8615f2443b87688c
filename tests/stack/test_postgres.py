import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from portal.stack.account import service_account
from portal.stack.errors import StackError
from portal.stack.layout import SHORT, socket_directory
from portal.stack.postgres import EmbeddedPostgres, accepts_connections, prepare_postgres
from portal.stack.postgres_install import find_install
from tests.stack.people import Person
from tests.stack.waiting import is_alive, wait_until

is_root = os.geteuid() == 0


def connect(pg: EmbeddedPostgres) -> psycopg.Connection:
    return psycopg.connect(pg.superuser_url("postgres"), autocommit=True)


def setting(pg: EmbeddedPostgres, name: str) -> object:
    with connect(pg) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return row and row[0]


def test_keeps_its_data_over_a_restart(place: Path) -> None:
    with (
        EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg,
        connect(pg) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with (
        EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg,
        connect(pg) as connection,
    ):
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_ends_with_the_block(place: Path) -> None:
    with EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg:
        url = pg.superuser_url("postgres")
        pid = int((place / "pg" / "postmaster.pid").read_text().split()[0])
    assert not accepts_connections(url)
    assert not psutil.pid_exists(pid)


def test_listens_on_nothing_but_a_private_socket(place: Path) -> None:
    with EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg:
        assert setting(pg, "listen_addresses") == ""
        assert (place / "run").stat().st_mode & 0o777 == 0o700
        assert (place / "pg").stat().st_mode & 0o777 == 0o700


def test_is_durable_unless_told_otherwise(place: Path) -> None:
    with EmbeddedPostgres(place / "pg", place / "run") as pg:
        assert setting(pg, "fsync") == "on"
        assert setting(pg, "synchronous_commit") == "on"
        assert setting(pg, "data_checksums") == "on"


@pytest.mark.parametrize(
    "name",
    ["with space", 'with "quotes"', "with, comma", "it's 100 %", "d" * 120],
    ids=["space", "quotes", "comma", "percent", "long"],
)
def test_works_in_a_directory_with_any_name(place: Path, name: str) -> None:
    home = place / name
    with EmbeddedPostgres(home / "pg", home / "run", fsync=False) as pg, connect(pg) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("portal",)
    assert pg.socket_dir.parent == home or not pg.socket_dir.exists()


def test_an_ordinary_user_runs_it_as_themselves(place: Path, ordinary_person: Person) -> None:
    done = ordinary_person.run(
        "-c",
        "import os, sys; from pathlib import Path\n"
        "from portal.stack.postgres import EmbeddedPostgres\n"
        "home = Path(sys.argv[1])\n"
        "with EmbeddedPostgres(home / 'pg', home / 'run', fsync=False):\n"
        "    print((home / 'pg').stat().st_uid == os.getuid() != 0)",
        str(place),
    )
    assert done.stdout.strip() == "True"


@pytest.mark.skipif(not is_root, reason="only root steps down to another account")
class TestAsRoot:
    def test_runs_as_an_account_without_rights(self, place: Path) -> None:
        account = service_account()
        with EmbeddedPostgres(place / "pg", place / "run", fsync=False):
            pid = int((place / "pg" / "postmaster.pid").read_text().split()[0])
            uids = psutil.Process(pid).uids()
            assert account
            assert set(uids) == {account.uid}
            assert (place / "pg").stat().st_uid == account.uid

    def test_data_go_outside_where_that_account_may_not_pass(self, place: Path) -> None:
        private = place / "private"
        private.mkdir(mode=0o700)
        with EmbeddedPostgres(private / "pg", private / "run", fsync=False) as pg:
            assert accepts_connections(pg.superuser_url("postgres"))
            data = (private / "pg").resolve()
            assert not data.is_relative_to(place)
            assert (private / "pg").is_symlink()
        # A throw-away server leaves nothing there.
        assert not data.parent.exists()
        assert not (private / "pg").is_symlink()

    def test_data_that_went_with_their_outside_place_are_not_made_anew(self, place: Path) -> None:
        (place / "pg").symlink_to(place / "gone" / "postgres")
        with pytest.raises(StackError, match=r"points to .*gone/postgres, which is gone"):
            prepare_postgres(place / "pg", place / "run", fsync=False)

    def test_a_copy_serves_where_that_account_cannot_read_the_wheel(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = service_account()
        wheel = Path(find_install(None).bin).parent.parent
        private = place / "private"
        private.mkdir(mode=0o700)
        for name in (wheel.name, f"{wheel.name}.libs"):
            (private / name).symlink_to(wheel.with_name(name))
        monkeypatch.setattr("portal.stack.postgres_install._wheel", lambda: private / wheel.name)
        monkeypatch.setattr("portal.stack.postgres_install.OUTSIDE", (place / "outside",))
        first = find_install(account)
        assert first.bin.is_relative_to(place / "outside")
        made = first.bin.stat().st_mtime_ns
        assert find_install(account).bin.stat().st_mtime_ns == made
        with EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg:
            assert accepts_connections(pg.superuser_url("postgres"))

    def test_a_socket_directory_of_somebody_else_is_refused(self, place: Path) -> None:
        (place / "run").mkdir()
        os.chown(place / "run", 12345, 12345)
        with pytest.raises(StackError, match="belongs to somebody else"):
            prepare_postgres(place / "pg", place / "run", fsync=False)

    def test_data_of_somebody_else_are_refused(self, place: Path) -> None:
        prepare_postgres(place / "pg", place / "run", fsync=False)
        os.chown(place / "pg", 12345, 12345)
        with pytest.raises(StackError, match=r"belongs to another user \(uid 12345\)"):
            prepare_postgres(place / "pg", place / "run", fsync=False)


def test_data_of_another_major_version_are_refused_in_one_line(place: Path) -> None:
    prepare_postgres(place / "pg", place / "run", fsync=False)
    (place / "pg" / "PG_VERSION").write_text("14\n")
    with pytest.raises(StackError) as caught:
        prepare_postgres(place / "pg", place / "run", fsync=False)
    assert "was made by PostgreSQL 14" in str(caught.value)
    assert "PGBIN" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_a_cluster_is_made_anew(place: Path) -> None:
    (place / "pg.unfinished" / "base").mkdir(parents=True)
    with EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg:
        assert accepts_connections(pg.superuser_url("postgres"))
    assert not (place / "pg.unfinished").exists()


def test_a_lock_file_whose_process_id_was_taken_over_is_no_obstacle(
    place: Path, ordinary_person: Person
) -> None:
    """As after a restart of a container, where process ids are low and come again."""
    with EmbeddedPostgres(place / "pg", place / "run", fsync=False):
        lock = (place / "pg" / "postmaster.pid").read_text()
        socket_lock = (place / "run" / ".s.PGSQL.5432.lock").read_text()
    # PostgreSQL believes in any living process of its own user.
    other = ordinary_person.start("-c", "import time; time.sleep(60)")
    try:
        pid = lock.split("\n", 1)[0]
        for path, text in (
            (place / "pg" / "postmaster.pid", lock),
            (place / "run" / ".s.PGSQL.5432.lock", socket_lock),
        ):
            path.write_text(text.replace(pid, str(other.pid), 1))
            path.chmod(0o600)
        if ordinary_person.account:
            for path in (place / "pg" / "postmaster.pid", place / "run" / ".s.PGSQL.5432.lock"):
                os.chown(path, ordinary_person.account.uid, ordinary_person.account.gid)
        with EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg:
            assert accepts_connections(pg.superuser_url("postgres"))
    finally:
        other.kill()
        other.communicate()


def test_a_second_server_on_the_same_data_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.stack.postgres.SHUTDOWN_TIMEOUT", 0.1)
    with (
        EmbeddedPostgres(place / "pg", place / "run", fsync=False),
        pytest.raises(StackError, match="Another PostgreSQL"),
    ):
        prepare_postgres(place / "pg", place / "run", fsync=False)


def test_does_not_outlive_a_killed_parent_and_recovers(place: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux ends children with their parent")
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import sys, time; from pathlib import Path\n"
                "from portal.stack.postgres import EmbeddedPostgres\n"
                "home = Path(sys.argv[1])\n"
                "with EmbeddedPostgres(home / 'pg', home / 'run') as pg:\n"
                "    import psycopg\n"
                "    with psycopg.connect(pg.superuser_url('postgres')) as connection:\n"
                "        connection.execute('CREATE TABLE kept AS SELECT 42 AS answer')\n"
                "    print('up', flush=True); time.sleep(60)"
            ),
            str(place),
        ],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout
    with parent.stdout:
        assert parent.stdout.readline() == b"up\n"
        server = psutil.Process(int((place / "pg" / "postmaster.pid").read_text().split()[0]))
        family = [server, *server.children(recursive=True)]
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not any(is_alive(process) for process in family), timeout=5)
    with EmbeddedPostgres(place / "pg", place / "run") as pg, connect(pg) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_wrong_pgbin_is_named(place: Path) -> None:
    with pytest.raises(StackError, match=r"PGBIN is .*nowhere"):
        find_install(None, {"PGBIN": str(place / "nowhere")})


def test_an_old_postgresql_is_refused(place: Path) -> None:
    (place / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.2'\n")
    (place / "postgres").chmod(0o755)
    with pytest.raises(StackError, match="holds PostgreSQL 14; Vigil needs 15 or newer"):
        find_install(None, {"PGBIN": str(place)})


@pytest.mark.skipif(
    not Path("/usr/lib/postgresql/15/bin/postgres").exists(), reason="no system PostgreSQL 15"
)
def test_a_system_postgresql_serves_as_well(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGBIN", "/usr/lib/postgresql/15/bin")
    with EmbeddedPostgres(place / "pg", place / "run", fsync=False) as pg:
        assert str(setting(pg, "server_version")).startswith("15.")
        assert setting(pg, "data_checksums") == "on"


def test_a_usable_socket_directory_is_used_as_it_is(place: Path) -> None:
    assert socket_directory(place / "run") == place / "run"
    assert socket_directory(place / ("r" * 100)).parent == SHORT
    assert socket_directory(place / "a,b" / "run").parent == SHORT
