"""Worker processes that read one snapshot of the database, each on a connection of its own.

They know nothing of Django: a process that only imports the driver starts in a fraction of a second.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self, TypeVar

import psycopg
from psycopg import sql

T = TypeVar("T")
R = TypeVar("R")

# The digests of rows were taken in these settings, see audit_capture().
SETTINGS = (
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
    "SET search_path = public; SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601';"
    "SET bytea_output = 'hex'; SET extra_float_digits = 1"
)


@dataclass(frozen=True, slots=True)
class Source:
    """`role` is what the login steps down to, `snapshot` what another connection exported."""

    conninfo: str
    role: str = ""
    snapshot: str = ""

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        opened = psycopg.connect(self.conninfo)
        opened.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        opened.read_only = True
        if self.snapshot:
            opened.execute(
                sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self.snapshot))
            )
        if self.role:
            opened.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self.role)))
        opened.execute(SETTINGS)
        return opened


class Crew:
    """With one worker everything is done in this process. What it reads is as of its beginning."""

    def __init__(self, source: Source, workers: int) -> None:
        self._source = source
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        self.opened = self._source.connect()
        if self._workers > 1:
            row = self.opened.execute("SELECT pg_export_snapshot()").fetchone()
            self._pool = ProcessPoolExecutor(
                self._workers,
                # Forked ones would share the connection, and whatever locks other threads hold.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(replace(self._source, snapshot=row[0] if row else ""),),
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self.opened.close()

    def map(
        self,
        work: Callable[[psycopg.Connection[tuple[Any, ...]], T], R],
        tasks: Sequence[T],
    ) -> Iterator[R]:
        """What each task came to, in their order. `work` is a function of a module."""
        if self._pool is None:
            return (work(self.opened, task) for task in tasks)
        return self._pool.map(partial(_run, work), tasks)


_opened: psycopg.Connection[tuple[Any, ...]] | None = None


def _begin(source: Source) -> None:
    global _opened  # noqa: PLW0603 - one connection a process, for as long as it lives
    # Ctrl-C reaches the whole group: who asked for the work ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _opened = source.connect()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(work: Callable[[psycopg.Connection[tuple[Any, ...]], T], R], task: T) -> R:
    assert _opened is not None  # noqa: S101 - the initializer ran, or the pool is broken
    return work(_opened, task)
