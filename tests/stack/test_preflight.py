import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from portal.stack.errors import StackError
from portal.stack.layout import Layout
from portal.stack.preflight import Lock, free_addresses, prepare_var
from tests.stack.people import Person

TRIES = (
    "import sys; from pathlib import Path\n"
    "from portal.stack.errors import StackError\n"
    "from portal.stack.layout import Layout\n"
    "from portal.stack.preflight import prepare_var\n"
    "try:\n    prepare_var(Layout(Path(sys.argv[1])))\n"
    "except StackError as error:\n    print(error)\nelse:\n    print('usable')"
)


def test_makes_what_is_missing_and_keeps_what_is_there(place: Path) -> None:
    layout = Layout(place / "new" / "var")
    prepare_var(layout)
    key = layout.secret_key.read_text()
    prepare_var(layout)
    assert layout.secret_key.read_text() == key
    assert len(set(key.strip())) > 20
    assert stat.S_IMODE(layout.secret_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.keys.stat().st_mode) == 0o700
    assert stat.S_IMODE(layout.logs.stat().st_mode) == 0o700


def test_an_empty_secret_is_not_taken_for_one(place: Path) -> None:
    layout = Layout(place)
    layout.keys.mkdir()
    layout.secret_key.touch()
    with pytest.raises(StackError, match="is empty"):
        prepare_var(layout)


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o300, 0o600])
def test_a_var_without_permission_is_one_line(
    place: Path, ordinary_person: Person, mode: int
) -> None:
    var = place / "var"
    assert ordinary_person.run("-c", TRIES, str(var)).stdout == "usable\n"
    var.chmod(mode)
    try:
        said = ordinary_person.run("-c", TRIES, str(var)).stdout
    finally:
        var.chmod(0o700)
    assert said.count("\n") == 1
    assert f"{var}" in said
    assert "cannot be used: Permission denied." in said
    assert "VIGIL_VAR" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_var_of_somebody_else_names_them(place: Path, ordinary_person: Person) -> None:
    prepare_var(Layout(place / "var"))
    said = ordinary_person.run("-c", TRIES, str(place / "var")).stdout
    assert "It belongs to root: run Vigil as that user." in said


def test_a_file_in_its_place_is_one_line(place: Path) -> None:
    (place / "var").touch()
    with pytest.raises(StackError, match=r"var cannot be used: Not a directory\."):
        prepare_var(Layout(place / "var"))


class TestLock:
    @pytest.fixture
    def layout(self, place: Path) -> Layout:
        prepare_var(Layout(place))
        return Layout(place)

    def test_a_second_supervisor_is_told_of_the_first(self, layout: Layout) -> None:
        first = Lock(layout)
        first.acquire()
        with pytest.raises(StackError, match=rf"already running in .* \(process {os.getpid()}\)"):
            Lock(layout).acquire()
        first.release()
        third = Lock(layout)
        third.acquire()
        third.release()

    def test_an_orderly_end_and_a_kill_are_told_apart(self, layout: Layout) -> None:
        holds_and_dies = (
            "import os, sys; from pathlib import Path\n"
            "from portal.stack.layout import Layout\n"
            "from portal.stack.preflight import Lock\n"
            "Lock(Layout(Path(sys.argv[1]))).acquire(); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", holds_and_dies, str(layout.var)], check=False)
        lock = Lock(layout)
        lock.acquire()
        assert lock.last_run_was_killed
        lock.release()
        lock.acquire()
        assert not lock.last_run_was_killed
        lock.release()


class TestPort:
    @pytest.fixture
    def taken(self) -> Iterator[int]:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            yield server.getsockname()[1]

    def test_a_busy_port_is_named_with_its_holder_and_the_way_out(self, taken: int) -> None:
        with pytest.raises(StackError) as caught:
            free_addresses("localhost", taken, grace=False)
        said = str(caught.value)
        assert f"Port {taken} on 127.0.0.1 is in use by" in said
        assert f"(process {os.getpid()})" in said
        assert "VIGIL_PORT=" in said
        assert "\n" not in said

    def test_localhost_is_both_loopback_addresses_where_there_are_two(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            free = server.getsockname()[1]
        assert free_addresses("localhost", free, grace=False)[0] == "127.0.0.1"
        assert free_addresses("127.0.0.1", free, grace=False) == ["127.0.0.1"]

    def test_an_address_that_is_not_here_is_one_line(self) -> None:
        with pytest.raises(StackError, match=r"Cannot listen on 192\.0\.2\.1 port 8000: "):
            free_addresses("192.0.2.1", 8000, grace=False)

    def test_a_killed_run_gets_a_moment_to_let_go(
        self, taken: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []
        monkeypatch.setattr("portal.stack.preflight.KILLED_RUN_GRACE", 0.3)
        monkeypatch.setattr("time.sleep", waits.append)
        with pytest.raises(StackError):
            free_addresses("127.0.0.1", taken, grace=True)
        assert waits
