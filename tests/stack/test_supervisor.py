import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest

from portal.stack.errors import StackError
from portal.stack.process import Command
from portal.stack.supervisor import Service, Stopped, Supervisor
from portal.stack.terminal import Terminal
from tests.stack.waiting import is_alive, wait_until

SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
HAS_A_CHILD = (
    "import subprocess, sys, time\n"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
    "time.sleep(60)"
)
IS_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready', flush=True); time.sleep(60)"
)


def python(code: str) -> Command:
    return Command(argv=(sys.executable, "-u", "-c", code))


class Watched:
    """A supervisor, with what it said and wrote."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.said = StringIO()
        self.supervisor = Supervisor(logs=logs, cwd=logs, terminal=Terminal(self.said))

    def start(self, name: str, code: str) -> None:
        self.supervisor.start(Service(name, lambda: python(code)))

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()

    def pid(self, name: str) -> int:
        return next(
            child.process.pid
            for child in self.supervisor._children.values()
            if child.service.name == name and child.process
        )

    def tick_until(self, condition: object, *, timeout: float = 10) -> None:
        def ticked() -> object:
            self.supervisor.tick()
            return condition() if callable(condition) else condition

        wait_until(ticked, timeout=timeout)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.supervisor.stop([(tuple(made.supervisor._children), 1.0)])


def test_a_killed_process_is_started_again(watched: Watched) -> None:
    watched.start("one", SLEEPS)
    watched.tick_until(lambda: "ready" in watched.log("one"))
    first = watched.pid("one")
    os.kill(first, signal.SIGKILL)
    watched.tick_until(lambda: watched.log("one").count("ready") == 2)
    assert watched.pid("one") != first
    assert "one ended (signal SIGKILL); starting it again" in watched.said.getvalue()


def test_what_a_killed_process_started_ends_with_it(watched: Watched) -> None:
    watched.start("one", HAS_A_CHILD)
    watched.tick_until(lambda: watched.log("one").strip())
    grandchild = psutil.Process(int(watched.log("one")))
    os.kill(watched.pid("one"), signal.SIGKILL)
    watched.tick_until(lambda: not is_alive(grandchild))


def test_one_that_keeps_ending_is_said_once_and_tried_ever_more_slowly(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.stack.supervisor.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("portal.stack.supervisor.LONGEST_PAUSE", 0.1)
    watched.start("one", "print('no luck'); raise SystemExit(3)")
    watched.tick_until(lambda: watched.log("one").count("no luck") >= 8)
    said = watched.said.getvalue()
    assert said.count("one ended (exit code 3)") == 4
    assert said.count("keeps ending") == 1
    assert str(watched.logs / "one.log") in said


def test_pauses_grow_up_to_a_limit(watched: Watched) -> None:
    watched.start("one", SLEEPS)
    child = watched.supervisor._children["one"]
    pauses = []
    for second in range(9):
        child.deaths.append(1000.0 + second)
        pauses.append(child.pause(1000.0 + second))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
    # A minute without a death, and all is forgotten.
    child.deaths.append(1100.0)
    assert child.pause(1100.0) == 0.2


def test_one_that_cannot_even_be_prepared_is_tried_again(watched: Watched) -> None:
    attempts = []

    def prepare() -> Command:
        attempts.append(len(attempts))
        if len(attempts) == 2:
            msg = "the data are still in use"
            raise StackError(msg)
        return python(SLEEPS)

    watched.supervisor.start(Service("one", prepare))
    watched.tick_until(lambda: "ready" in watched.log("one"))
    os.kill(watched.pid("one"), signal.SIGKILL)
    watched.tick_until(lambda: watched.log("one").count("ready") == 2)
    assert "one cannot start (the data are still in use)" in watched.said.getvalue()


def test_a_first_start_that_fails_says_why(watched: Watched) -> None:
    watched.start("one", "print('the reason'); raise SystemExit(1)")
    with pytest.raises(StackError, match=r"one did not start: the reason \(see .*one\.log\)"):
        watched.supervisor.wait_until("one", lambda: False, timeout=10)


def test_a_command_that_fails_says_why(watched: Watched) -> None:
    watched.supervisor.run("setup", python("print('fine')"))
    with pytest.raises(StackError, match="setup failed: the reason"):
        watched.supervisor.run("setup", python("print('the reason'); raise SystemExit(1)"))


def test_stops_in_order_and_leaves_nothing(watched: Watched) -> None:
    says_when = (
        "import signal, sys, time\n"
        "def end(*_):\n    print('ended', time.monotonic()); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('ready'); time.sleep(60)"
    )
    for name in ("first", "second"):
        watched.start(name, says_when)
    watched.start("family", HAS_A_CHILD)
    watched.tick_until(lambda: all(watched.log(n).strip() for n in ("first", "second", "family")))
    grandchild = psutil.Process(int(watched.log("family")))
    watched.supervisor.stop([(("second", "family"), 30.0), (("first",), 30.0)])
    ended = {n: float(watched.log(n).split()[-1]) for n in ("first", "second")}
    assert ended["second"] < ended["first"]
    wait_until(lambda: not is_alive(grandchild), timeout=30)


def test_one_that_will_not_stop_is_ended(watched: Watched) -> None:
    watched.start("one", IS_STUBBORN)
    watched.tick_until(lambda: "ready" in watched.log("one"))
    process = psutil.Process(watched.pid("one"))
    begun = time.monotonic()
    watched.supervisor.stop([(("one",), 0.5)])
    assert 0.5 <= time.monotonic() - begun < 2
    assert not is_alive(process)


def test_output_is_kept_whole_and_shown_in_short(watched: Watched) -> None:
    watched.start(
        "web", "print('nothing much'); print('[1] [ERROR] dear me'); import time; time.sleep(60)"
    )
    watched.tick_until(lambda: "dear me" in watched.said.getvalue())
    assert "nothing much" in watched.log("web")
    assert "nothing much" not in watched.said.getvalue()


SUPERVISES = f"""
import sys, time
from pathlib import Path
from portal.stack.process import Command
from portal.stack.supervisor import Service, Stopped, Supervisor
from portal.stack.terminal import Terminal
logs = Path(sys.argv[1])
supervisor = Supervisor(logs=logs, cwd=logs, terminal=Terminal())
supervisor.install_signal_handlers()
for name, code in (("a", {HAS_A_CHILD!r}), ("stubborn", {IS_STUBBORN!r})):
    supervisor.start(Service(name, lambda code=code: Command(argv=(sys.executable, "-u", "-c", code))))
try:
    while True:
        supervisor.tick()
except Stopped:
    supervisor.stop([(("a", "stubborn"), float(sys.argv[2]))])
"""


@pytest.fixture
def supervising(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISES, str(tmp_path), "30"])
    yield process
    process.kill()
    process.wait()


def family(process: subprocess.Popen[bytes], logs: Path) -> list[psutil.Process]:
    wait_until(
        lambda: all(
            (logs / f"{name}.log").exists() and (logs / f"{name}.log").read_text().strip()
            for name in ("a", "stubborn")
        )
    )
    found = psutil.Process(process.pid).children(recursive=True)
    assert len(found) == 3
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's part is Linux's")
def test_a_killed_supervisor_leaves_no_child(
    supervising: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    children = [child for child in family(supervising, tmp_path) if child.ppid() == supervising.pid]
    supervising.kill()
    supervising.wait()
    wait_until(lambda: not any(is_alive(child) for child in children), timeout=8)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_stops_at_once(
    supervising: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    children = family(supervising, tmp_path)
    supervising.send_signal(number)
    wait_until(lambda: sum(is_alive(child) for child in children) < 3)
    time.sleep(0.2)
    assert supervising.poll() is None, "it waits for the stubborn one"
    supervising.send_signal(number)
    assert supervising.wait(2) == 0
    wait_until(lambda: not any(is_alive(child) for child in children), timeout=5)


def test_asked_to_stop_it_does_so_at_the_next_tick(watched: Watched) -> None:
    watched.supervisor._on_signal(signal.SIGINT, None)
    with pytest.raises(Stopped):
        watched.supervisor.tick()
