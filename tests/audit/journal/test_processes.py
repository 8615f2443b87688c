"""Forks, signal handlers and the end of the process."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit import journal
from audit.journal import disk, names, process
from audit.journal.errors import JournalUnavailable
from audit.journal.intent import Intent
from audit.journal.space import Space
from audit.journal.verify import Status, verify
from audit.journal.writer import Writer
from portal.lib.trace import start_trace
from tests.audit.journal.reading import WHAT, kinds, lines, paths

ROOT = Path(__file__).parents[3]

FORKING = """
import os, sys, threading, time
from pathlib import Path
from types import SimpleNamespace
from django.conf import settings
settings.configure(JOURNAL_DIR=Path(sys.argv[1]))
from audit import journal
from audit.journal import disk

def mean(name):
    return journal.intent(actor=name, action="a", target="t", verdict="allow")

inherited = mean("parent")
# One thread is in the middle of a sync, and so holds its turn, while the process forks.
is_syncing, may_go_on, real = threading.Event(), threading.Event(), disk.sync_data
def slow(fd):
    is_syncing.set()
    may_go_on.wait(10)
    real(fd)
disk.sync_data = slow
thread = threading.Thread(target=mean, args=["parent's thread"])
thread.start()
is_syncing.wait(10)
disk.sync_data = real
child = os.fork()
if child == 0:
    mean("child")
    inherited.committed(event_id=1, leaf_hash=bytes(32))
    mean("child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
may_go_on.set()
thread.join()
inherited.committed(event_id=1, leaf_hash=bytes(32))
mean("parent")
"""


def test_a_forked_child_begins_a_journal_of_its_own(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the process forked" in done.stdout + done.stderr
    assert [verify(path).status for path in paths(directory)] == [Status.INTACT] * 2
    by_writer: dict[str, list[str]] = {}
    for each in lines(directory):
        by_writer.setdefault(each.writer, []).append(str(each.fields.get("actor", each.kind)))
    assert sorted(by_writer.values()) == [
        ["open", "child", "child"],
        ["open", "parent", "parent's thread", "outcome", "parent", "seal"],
    ]


@pytest.fixture
def on_signal(writer: Writer) -> Iterator[list[object]]:
    """A handler that writes down an intent itself, and what came of that."""
    came: list[object] = []

    def handle(*_args: object) -> None:
        try:
            came.append(writer.intent(**WHAT))
        except JournalUnavailable as refused:
            came.append(refused.reason)

    before = signal.signal(signal.SIGUSR1, handle)
    yield came
    signal.signal(signal.SIGUSR1, before)


def interrupting(real: Callable[..., object]) -> Callable[..., object]:
    """The call, in the middle of which the signal comes, the first time only."""
    to_come = [signal.SIGUSR1]

    def call(*args: object) -> object:
        if to_come:
            signal.raise_signal(to_come.pop())
        return real(*args)

    return call


def test_a_handler_that_interrupts_a_write_is_refused(
    writer: Writer, on_signal: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.preflight()
    monkeypatch.setattr(disk, "write", interrupting(disk.write))
    writer.intent(**WHAT)
    assert on_signal == ["a signal handler asked in the middle of a write"]
    assert kinds(writer.directory) == ["open", "intent"]


def test_a_handler_that_interrupts_a_sync_is_served(
    writer: Writer, on_signal: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.preflight()
    monkeypatch.setattr(disk, "sync_data", interrupting(disk.sync_data))
    writer.intent(**WHAT)
    assert [type(each) for each in on_signal] == [Intent]
    assert kinds(writer.directory) == ["open", "intent", "intent"]


def test_a_handler_may_close_the_file_that_is_being_synced(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.preflight()
    before = signal.signal(signal.SIGUSR1, lambda *_: writer.close())
    monkeypatch.setattr(disk, "sync_data", interrupting(disk.sync_data))
    writer.intent(**WHAT)
    signal.signal(signal.SIGUSR1, before)
    assert kinds(writer.directory) == ["open", "intent", "seal"]


class TimeIsUp(Exception):
    """Stands for what a task's time limit raises."""


@pytest.mark.parametrize("call", ["write", "sync_data"])
def test_an_exception_from_a_handler_leaves_the_journal_fit_for_use(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """As a task's time limit does it, which may strike between any two instructions."""
    writer.preflight()
    real = getattr(disk, call)

    def interrupted(*args: object) -> object:
        real(*args)
        raise TimeIsUp

    with monkeypatch.context() as patch:
        patch.setattr(disk, call, interrupted)
        with pytest.raises(TimeIsUp):
            writer.intent(**WHAT)
    if call == "write":  # The line is there and was not counted, so the file is left.
        with pytest.raises(JournalUnavailable):
            writer.intent(**WHAT)
    others = threading.Thread(target=writer.intent, kwargs=WHAT)
    others.start()
    others.join(5)
    assert not others.is_alive()
    numbers = [each.seq for each in lines(writer.directory)]
    assert numbers == sorted(set(numbers))


def test_only_its_writer_keeps_a_file_alive(writer: Writer) -> None:
    writer.intent(**WHAT)
    [path] = paths(writer.directory)
    assert names.is_live(path)
    writer.close()
    assert not names.is_live(path)


@pytest.fixture
def configured(directory: Path, settings: object) -> Iterator[Path]:
    settings.JOURNAL_DIR = directory
    yield directory
    journal.close()


def test_a_process_has_one_writer_however_many_threads_ask_first(configured: Path) -> None:
    found: list[Writer] = []
    threads = [threading.Thread(target=lambda: found.append(journal.writer())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_an_intent_carries_the_trace_it_was_meant_in(configured: Path) -> None:
    trace = start_trace(None)
    journal.intent(actor="user:7", action="a", target="t", verdict="allow", event_id=5)
    assert lines(configured)[-1].fields["trace_id"] == trace


def test_nobody_else_writes_the_journals_own_lines(configured: Path) -> None:
    with pytest.raises(ValueError, match="seal"):
        journal.note("seal")


def test_a_metric_may_hear_of_the_disk(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Space] = []
    monkeypatch.setattr(process, "_listeners", [])
    journal.on_space(lambda state, _free: heard.append(state))
    monkeypatch.setattr(disk, "free", lambda _where: 0.1)
    journal.preflight()
    assert heard == [Space.LOW]
