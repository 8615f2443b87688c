"""What the processes of a pod share about who is served."""

import os
import signal
import time
from collections.abc import Callable

from portal.limits.board import Board
from portal.limits.table import Priority


def in_a_process(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def reading(board: Board) -> int:
    with board.locked():
        return board.totals()[0][Priority.READ]


def take(board: Board) -> None:
    with board.locked():
        board.in_flight[Priority.READ] += 1


def wait_for(board: Board, number: int) -> None:
    until = time.monotonic() + 20
    while reading(board) != number:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_each_process_sees_the_places_of_all() -> None:
    board = Board()
    take(board)
    child = in_a_process(lambda: (take(board), time.sleep(60)))  # type: ignore[func-returns-value] # one after the other
    wait_for(board, 2)
    end(child)


def test_a_process_that_is_killed_gives_its_places_back() -> None:
    board = Board()
    child = in_a_process(lambda: (take(board), time.sleep(60)))  # type: ignore[func-returns-value] # one after the other
    wait_for(board, 1)
    end(child)
    board.forget_the_dead()
    assert reading(board) == 0


def test_a_process_killed_while_it_holds_the_lock_leaves_nobody_waiting() -> None:
    board = Board()

    def die() -> None:
        with board.locked():
            os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(in_a_process(die), 0)
    assert reading(board) == 0


def test_rows_of_processes_that_ended_are_used_again() -> None:
    board = Board()
    for _ in range(100):
        os.waitpid(in_a_process(lambda: take(board)), 0)
    assert reading(board) <= 1
