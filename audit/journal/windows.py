"""Finds the times in which nothing could be recorded, in what this machine's processes wrote down.

A journal that could not be written says so itself as it resumes. That the ledger took no event shows
in outcomes that were rolled back for it; such a time ends with the next event that was taken. A time
that has no end yet is not found yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit.journal import line, names
from audit.journal.line import BadLine, Line, parse
from audit.journal.names import Name
from audit.journal.ship.positions import Position, Positions

FAILED = "AuditUnavailable"
MOST_MEANT = 200
# So many lines are read in one go; what is left is read the next time.
MOST_LINES = 200_000


@dataclass(frozen=True, slots=True)
class Meant:
    """An intent that came to nothing, or of which no line says what came of it."""

    seq: int
    event: int | None
    at: str
    actor: str
    action: str
    target: str
    is_rolled_back: bool


@dataclass(frozen=True, slots=True)
class Window:
    """`writer` and `seq` name the line that it was found by. `refused` counts what was refused, of
    which `meant` are the first that are known; a journal that cannot be written names none."""

    source: str
    writer: str
    seq: int
    began: str
    ended: str
    why: str
    refused: int
    meant: tuple[Meant, ...] = ()


@dataclass(slots=True)
class Finder:
    """Reads the lines of one writer, in their order."""

    _open: dict[int, Line] = field(default_factory=dict)
    _run: list[Line] = field(default_factory=list)

    @property
    def is_quiet(self) -> bool:
        return not self._open and not self._run

    def feed(self, each: Line) -> Iterator[Window]:
        if each.kind == line.INTENT:
            self._open[each.seq] = each
        elif each.kind == line.OUTCOME:
            meant = self._open.pop(_integer(each.fields.get("intent")), None)
            if each.fields.get("error") == FAILED and meant is not None:
                self._run.append(meant)
            elif each.fields.get("result") == line.COMMITTED and self._run:
                yield self._ledger_window(each)
        elif each.kind == line.RESUMED:
            yield self._journal_window(each)

    def _ledger_window(self, end: Line) -> Window:
        run, self._run = self._run, []
        meant = tuple(_meant(each, is_rolled_back=True) for each in run[:MOST_MEANT])
        why = "The ledger took no event."
        return Window("ledger", end.writer, run[0].seq, run[0].at, end.at, why, len(run), meant)

    def _journal_window(self, end: Line) -> Window:
        known, self._open = list(self._open.values()), {}
        meant = tuple(_meant(each, is_rolled_back=False) for each in known[:MOST_MEANT])
        said = end.fields
        refused = _integer(said.get("refused"))
        since, why = str(said.get("since") or end.at), str(said.get("why") or "")
        return Window("journal", end.writer, end.seq, since, end.at, why, refused, meant)


def windows(directory: Path) -> Iterator[Window]:
    """Those that came to an end since the last time that all of them were taken. Where the caller
    stops before, they come again."""
    positions = Positions.of(directory, "outages")
    with positions.alone():
        known, finders, left = positions.load(), dict[str, Finder](), MOST_LINES
        for name in names.files(directory):
            finder = finders.setdefault(name.writer, Finder())
            start = known.get(name.path.name, Position())
            inode = name.path.stat().st_ino
            offset = start.offset if start.inode == inode else 0
            is_live = names.is_live(name.path)
            quiet = offset
            for end, each in _read(name, offset):
                yield from finder.feed(each)
                left -= 1
                if finder.is_quiet:
                    quiet = end
                if left <= 0:
                    break
            # A file that grows no more is done with: what it leaves open, a later line explains.
            done = name.path.stat().st_size if not is_live and left > 0 else quiet
            known[name.path.name] = Position(done, inode=inode)
            if left <= 0:
                break
        here = {name.path.name for name in names.files(directory)}
        positions.store({file: at for file, at in known.items() if file in here})


def _read(name: Name, offset: int) -> Iterator[tuple[int, Line]]:
    """Each whole line, with where it ends. Ends at a damaged one, which the verification names."""
    with name.path.open("rb") as file:
        file.seek(offset)
        while (raw := file.readline(line.MAX_LINE + 1)).endswith(b"\n"):
            try:
                each = parse(raw[:-1], 0)
            except BadLine:
                return
            yield file.tell(), each


def _meant(each: Line, *, is_rolled_back: bool) -> Meant:
    said = each.fields
    event = said.get("event")
    return Meant(
        each.seq,
        event if isinstance(event, int) else None,
        each.at,
        str(said.get("actor", "")),
        str(said.get("action", "")),
        str(said.get("target", "")),
        is_rolled_back,
    )


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
