"""A read that was let in leaves the machine to what is urgent, for a while."""

import pytest
from django.db import connection

from portal.limits.board import Board
from portal.limits.giving_way import AT_MOST, GivingWay, giving_way
from portal.limits.table import Priority


@pytest.fixture
def board() -> Board:
    return Board()


def urgent(board: Board, number: int = 1) -> None:
    with board.locked():
        board.in_flight[Priority.HIGH] += number


def query() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.django_db
def test_a_read_steps_aside_until_what_is_urgent_is_done(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            urgent(board, -1)

    monkeypatch.setattr("portal.limits.giving_way.time.sleep", sleep)
    urgent(board)
    with giving_way(board, Priority.READ):
        query()
        assert len(slept) == 3
        query()
    assert len(slept) == 3


@pytest.mark.django_db
def test_urgent_work_without_end_slows_a_read_down_and_does_not_stop_it(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("portal.limits.giving_way.time.sleep", slept.append)
    urgent(board)
    with giving_way(board, Priority.BULK):
        query()
        query()
    assert AT_MOST <= sum(slept) < AT_MOST + 0.01


@pytest.mark.parametrize("priority", [each for each in Priority if each > Priority.READ])
@pytest.mark.django_db
def test_what_changes_anything_never_waits_with_its_locks(board: Board, priority: Priority) -> None:
    urgent(board)
    with giving_way(board, priority):
        assert not any(isinstance(each, GivingWay) for each in connection.execute_wrappers)
        query()


@pytest.mark.parametrize("priority", Priority)
def test_urgent_is_what_acts_on_incidents_that_burn(board: Board, priority: Priority) -> None:
    with board.locked():
        board.in_flight[priority] += 1
    assert board.is_urgent() is (priority >= Priority.HIGH)
