"""Reads that were let in step aside, between two of their queries, while urgent work is under way.

They share processors and interpreters with it: without this, what is urgent gets its place at once and
then its share of a busy machine like everybody else.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import connection

from portal.limits.board import Board
from portal.limits.table import Priority

STEP = 0.002
# Of one request in all, in seconds: steadily urgent work slows reads down, and does not stop them.
AT_MOST = 0.25


class GivingWay:
    """A wrapper of Django's for the queries of one request."""

    def __init__(self, board: Board) -> None:
        self.board, self.left = board, AT_MOST

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        while self.left > 0 and self.board.is_urgent():
            time.sleep(STEP)
            self.left -= STEP
        return execute(*query)


def giving_way(board: Board, priority: Priority) -> AbstractContextManager[None]:
    """For the length of a request. Only what reads: whoever changes may hold locks that others need."""
    if priority > Priority.READ:
        return nullcontext()
    return connection.execute_wrapper(GivingWay(board))
