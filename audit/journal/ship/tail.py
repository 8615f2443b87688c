"""Reads on in all files of a journal, from where each was acknowledged."""

import contextlib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import structlog

from audit.journal import names
from audit.journal.line import OPEN, BadLine, Line, digest, parse
from audit.journal.names import Name
from audit.journal.ship.delivery import Record
from audit.journal.ship.positions import Position

log = structlog.get_logger(__name__)

MAX_LINES = 500
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """`positions` are those after it, to be stored once it is acknowledged. `is_last` says that
    nothing more was waiting."""

    records: list[Record]
    positions: dict[str, Position]
    is_last: bool


class Tail:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turn = 0
        self._told: set[tuple[str, str]] = set()

    def next_batch(self, positions: dict[str, Position], *, max_lines: int = MAX_LINES) -> Batch:
        """Whole lines only; what a writer is in the middle of comes with a later batch."""
        files = names.files(self._directory)
        there = {name.path.name for name in files}
        after = {name: position for name, position in positions.items() if name in there}
        writers = [list(each) for _, each in groupby(files, key=lambda name: name.writer)]
        # Each time another one comes first, so that a busy one does not keep the others waiting.
        self._turn += 1
        turn = self._turn % len(writers) if writers else 0
        records: list[Record] = []
        is_last = True
        for each in [*writers[turn:], *writers[:turn]]:
            room = max_lines - len(records)
            if room <= 0 or sum(len(record.raw) for record in records) >= MAX_BYTES:
                is_last = False
                break
            # One file at most of each, since the next one's lines come after all of its own.
            for name in each:
                read, position = self._read(name, after.get(name.path.name, Position()), room)
                if read:
                    records += read
                    after[name.path.name] = position
                    is_last = is_last and len(read) < room and name is each[-1]
                    break
        return Batch(records, after, is_last)

    def _read(self, name: Name, position: Position, room: int) -> tuple[list[Record], Position]:
        try:
            found = name.path.stat()
            if found.st_ino == position.inode and found.st_size == position.offset:
                return [], position
            if position.inode not in {0, found.st_ino}:
                self._tell(name, "another file stands in its place")
                position = Position()
            if found.st_size < position.offset:
                self._tell(name, "it is shorter than what was sent of it")
            with name.path.open("rb") as file:
                file.seek(position.offset)
                whole, _, _torn = file.read(MAX_BYTES).rpartition(b"\n")
        except FileNotFoundError:  # Taken away since the directory was read.
            return [], position
        if not whole:
            if found.st_size - position.offset >= MAX_BYTES:
                self._tell(name, "a line of it has no end")
            return [], position
        records = []
        offset, before = position.offset, position.digest
        for raw in whole.split(b"\n")[:room]:
            records.append(self._record(name, raw, before))
            offset, before = offset + len(raw) + 1, digest(raw)
        return records, Position(offset, before, found.st_ino)

    def _record(self, name: Name, raw: bytes, before: str) -> Record:
        found: Line | None = None
        with contextlib.suppress(BadLine):
            found = parse(raw, 0)
        fits = found is not None and (found.prev == before or found.kind == OPEN)
        if not fits:
            self._tell(name, "it does not continue what was sent before")
        return Record(name, raw, found, is_damaged=not fits)

    def _tell(self, name: Name, reason: str) -> None:
        """Once for each file and reason. What is there is sent all the same: it is evidence."""
        if (name.path.name, reason) not in self._told:
            self._told.add((name.path.name, reason))
            log.critical("journal_damaged", file=name.path.name, reason=reason)
