"""Reads a file line by line, holding each against the one before.

Trusts nothing but bytes. Stops at the first bad line with `Damage`. A last line without its line
feed is none: a power cut, or a writer in the middle of it. It is named by its size, in `torn`.
"""

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from audit.journal import line, names
from audit.journal.diagnosis import Follower, diagnose
from audit.journal.errors import Damage, Harm
from audit.journal.line import BadLine, Line, parse

LINE_FEED = b"\n"
LOOK_AHEAD = 10_000
"""How many lines after a bad one are read to say what was done to it."""


class Reader(Iterator[Line]):
    """Looping over it again reads what was added since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last: Line | None = None
        self.lines = 0
        self.size = 0
        self.torn = 0
        name = names.parse(path)
        self._writer = name.writer if name else None
        self._running = hashlib.sha256()
        self._file: BinaryIO | None = None

    @property
    def sha256(self) -> str:
        """Of the good lines read so far, `size` bytes."""
        return self._running.hexdigest()

    def __next__(self) -> Line:
        if self._file is None:
            self._file = self.path.open("rb")
            self._file.seek(self.size)
        raw = self._file.readline(line.MAX_LINE + 1)
        if not raw.endswith(LINE_FEED):
            if len(raw) > line.MAX_LINE:
                raise self._damage(Harm.EDITED, self.lines + 1, "longer than a line may be")
            self.torn = len(raw)
            self.close()
            raise StopIteration
        found = self._judge(raw[:-1])
        self._running.update(raw)
        self.last, self.lines, self.size = found, self.lines + 1, self.size + len(raw)
        return found

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _judge(self, raw: bytes) -> Line:
        number = self.lines + 1
        found = _parse(raw, number)
        if isinstance(found, BadLine):
            raise self._damage(Harm.EDITED, number, str(found))
        if found.writer != self._writer:
            harm = Harm.INSERTED if self.last else Harm.REPLACED
            raise self._damage(harm, number, f"a line of another writer, {found.writer}")
        if not self._follows(found):
            raise self._damage(*diagnose(self.last, found, self._ahead(number)))
        if found.kind == line.SEAL and not self._is_sealed_by(found):
            raise self._damage(Harm.EDITED, number, "it seals other lines than those before it")
        return found

    def _follows(self, found: Line) -> bool:
        last = self.last
        if last is None:
            return found.kind == line.OPEN
        follows = found.seq == last.seq + 1 and found.prev == last.digest
        return follows and last.kind != line.SEAL and found.kind != line.OPEN

    def _is_sealed_by(self, seal: Line) -> bool:
        claims = {"lines": self.lines, "bytes": self.size, "sha256": self.sha256}
        return dict(seal.fields) == claims

    def _ahead(self, number: int) -> Iterator[Follower]:
        if self._file is not None:
            for further, raw in enumerate(itertools.islice(self._file, LOOK_AHEAD), number + 1):
                yield _parse(raw.removesuffix(LINE_FEED), further)

    def _damage(self, harm: Harm, number: int, detail: str) -> Damage:
        self.close()
        return Damage(self.path, harm, number, detail)


def _parse(raw: bytes, number: int) -> Follower:
    try:
        return parse(raw, number)
    except BadLine as error:
        return error


def read(path: Path) -> Reader:
    """The lines of one file. Raises `Damage` at the first bad one, `OSError`."""
    return Reader(path)
