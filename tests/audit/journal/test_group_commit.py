"""Threads that wait together share one sync, and none goes on before its own line is on the disk."""

import os
import threading
import time

import pytest

from audit.journal import disk
from audit.journal.writer import Writer
from tests.audit.journal.reading import WHAT, kinds, lines, together

THREADS = 32


class SlowDisk:
    """Takes 20 ms to sync, and knows how much of the file it has."""

    def __init__(self) -> None:
        self.real = disk.sync_data
        self.syncs = 0
        self.has = 0

    def __call__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        time.sleep(0.02)
        self.real(fd)
        self.has = size
        self.syncs += 1


@pytest.fixture
def slow_disk(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    writer.preflight()
    slow = SlowDisk()
    monkeypatch.setattr(disk, "sync_data", slow)
    return slow


def test_threads_that_wait_together_share_a_sync(writer: Writer, slow_disk: SlowDisk) -> None:
    together(THREADS, lambda number: writer.intent(event_id=number, **WHAT))
    assert kinds(writer.directory).count("intent") == THREADS
    # The first one alone, all others behind it; two more for threads that started late.
    assert slow_disk.syncs <= 4


def test_no_thread_goes_on_before_its_line_is_on_the_disk(
    writer: Writer, slow_disk: SlowDisk
) -> None:
    had: dict[int, int] = {}

    def mean(_number: int) -> None:
        for _ in range(3):
            intent = writer.intent(**WHAT)
            had[intent.seq] = slow_disk.has

    together(8, mean)
    end = 0
    for each in lines(writer.directory):
        end += len(each.raw) + 1
        if each.kind == "intent":
            assert had[each.seq] >= end


def test_with_a_real_disk_threads_need_far_fewer_syncs_than_lines(writer: Writer) -> None:
    def mean(_number: int) -> None:
        for _ in range(20):
            writer.intent(**WHAT)

    together(THREADS, mean)
    assert kinds(writer.directory).count("intent") == THREADS * 20
    assert writer.file is not None
    assert writer.file.syncs < THREADS * 20 / 2


def test_a_failed_sync_refuses_everybody_who_waited_for_it(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.preflight()
    is_syncing, may_fail = threading.Event(), threading.Event()

    def fail(_fd: int) -> None:
        is_syncing.set()
        may_fail.wait(5)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "sync_data", fail)
    refused: list[int] = []

    def mean(number: int) -> None:
        try:
            writer.intent(**WHAT)
        except Exception:  # noqa: BLE001 - whatever it is, the intent was not taken
            refused.append(number)

    threads = [threading.Thread(target=mean, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    is_syncing.wait(5)
    time.sleep(0.05)
    may_fail.set()
    for thread in threads:
        thread.join()
    assert sorted(refused) == list(range(8))
