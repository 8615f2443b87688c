"""Sets records aside on the disk by the row that they are about, so that what is told of a row and
the row itself meet again in the same part, and one part at a time fits into memory.

Several processes write to the same spill, each to files of its own. The files are read back by the
run that wrote them and by nobody else.
"""

import marshal
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zlib import crc32

HELD = 20_000
"""So many records a process holds before it writes them."""

Record = tuple[Any, ...]
"""The table and the primary key as text, then what is to be said of that row."""


@dataclass(frozen=True, slots=True)
class HistoryTable:
    """`history` keeps how the rows of `table` came to be; `pk` is the key's column in both."""

    table: str
    history: str
    pk: str


@dataclass(frozen=True, slots=True)
class Spill:
    """Of rows of the tables with a history it also takes who changed them when, and how."""

    directory: Path
    parts: int
    histories: tuple[HistoryTable, ...] = ()

    @property
    def historied(self) -> frozenset[str]:
        return frozenset(each.table for each in self.histories)

    def read(self, what: str, part: int) -> Iterator[Record]:
        for path in sorted(self.directory.glob(f"{what}-{part}-*")):
            with path.open("rb") as file:
                while file.peek(1):
                    yield from marshal.load(file)  # noqa: S302 - this run's own file


@dataclass(frozen=True, slots=True)
class PartTask:
    """Of the events numbered in the half-open ranges `unread` nobody can tell what they said."""

    spill: Spill
    part: int
    unread: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class SpillWriter:
    spill: Spill
    what: str
    _held: int = 0
    _parts: dict[int, list[Record]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._write()

    def add(self, record: Record) -> None:
        part = crc32(f"{record[0]} {record[1]}".encode()) % self.spill.parts
        self._parts.setdefault(part, []).append(record)
        self._held += 1
        if self._held >= HELD:
            self._write()

    def _write(self) -> None:
        for part, records in self._parts.items():
            path = self.spill.directory / f"{self.what}-{part}-{os.getpid()}"
            with path.open("ab") as file:
                marshal.dump(records, file)
        self._parts.clear()
        self._held = 0
