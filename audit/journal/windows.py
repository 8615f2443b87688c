"""Finds the times in which nothing could be recorded, in what this machine's processes wrote down.

A journal that could not be written says so itself as it resumes, after the attempts that it did not
take. That the ledger took no event, or that the database was away, shows in outcomes that were rolled
back for it and in attempts that were refused. The former ends with the next event that was taken, the
latter with the next that was allowed, since refusals are recorded longer; both with their writer. A
time that has no end yet is not found yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit.journal import line, names, outage
from audit.journal.line import BadLine, Line, parse
from audit.journal.names import Name
from audit.journal.ship.positions import Position, Positions

FAILED, ALLOWED = "AuditUnavailable", "allow"
MOST_MEANT = 200
_AWAY = {
    outage.LEDGER: "The ledger took no event.",
    outage.DATABASE: "The database could not be reached.",
}
# So many lines are read in one go; what is left is read the next time.
MOST_LINES = 200_000


@dataclass(frozen=True, slots=True)
class Meant:
    """An intent that came to nothing, or of which no line says what came of it; or an attempt that was
    refused before it could be meant, and `why`."""

    seq: int
    event: int | None
    at: str
    actor: str
    action: str
    target: str
    is_rolled_back: bool
    is_refused: bool = False
    why: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """`writer` and `seq` name the line that it was found by. `refused` counts what was refused, of
    which `meant` are the first that are known, and some of which nobody knows what came of them."""

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
    _refused: dict[str, list[Line]] = field(default_factory=dict)
    _last: Line | None = None

    @property
    def is_quiet(self) -> bool:
        return not self._open and not self._run and not self._refused

    def feed(self, each: Line) -> Iterator[Window]:
        self._last = each
        if each.kind == line.INTENT:
            self._open[each.seq] = each
        elif each.kind == line.REFUSED:
            self._refused.setdefault(str(each.fields.get("of")), []).append(each)
        elif each.kind == line.OUTCOME:
            meant = self._open.pop(_integer(each.fields.get("intent")), None)
            if each.fields.get("error") == FAILED and meant is not None:
                self._run.append(meant)
            elif each.fields.get("result") == line.COMMITTED:
                is_allowed = meant is not None and meant.fields.get("verdict") == ALLOWED
                yield from self._over(each, with_refused=is_allowed)
        elif each.kind == line.RESUMED:
            yield self._journal_window(each)

    def end(self) -> Iterator[Window]:
        """Once its writer is gone, and will not say that it is over."""
        if self._last is not None:
            yield from self._over(self._last)

    def _over(self, end: Line, *, with_refused: bool = True) -> Iterator[Window]:
        run, self._run = self._run, []
        for source, why in _AWAY.items():
            refused = self._refused.pop(source, []) if with_refused else []
            lines = [*(run if source == outage.LEDGER else []), *refused]
            if lines:
                lines.sort(key=lambda each: each.seq)
                yield _window(source, why, lines, end)

    def _journal_window(self, end: Line) -> Window:
        known, self._open = list(self._open.values()), {}
        known += self._refused.pop(outage.JOURNAL, [])
        meant = tuple(_meant(each) for each in known[:MOST_MEANT])
        said = end.fields
        refused = _integer(said.get("refused"))
        since, why = str(said.get("since") or end.at), str(said.get("why") or "")
        return Window("journal", end.writer, end.seq, since, end.at, why, refused, meant)


def _window(source: str, why: str, lines: list[Line], end: Line) -> Window:
    told = [each for each in lines if "action" in each.fields]
    meant = tuple(_meant(each, is_rolled_back=True) for each in told[:MOST_MEANT])
    refused = sum(_integer(each.fields.get("count", 1)) for each in lines)
    why = next((each.why for each in meant if each.why), why)
    began = min(str(each.fields.get("tried_at", each.at)) for each in lines)
    return Window(source, end.writer, lines[0].seq, began, end.at, why, refused, meant)


def windows(directory: Path) -> Iterator[Window]:
    """Those that came to an end since the last time that all of them were taken. Where the caller
    stops before, they come again."""
    positions = Positions.of(directory, "outages")
    with positions.alone():
        known, finders, left = positions.load(), dict[str, Finder](), MOST_LINES
        files = names.files(directory)
        last = {name.writer: name for name in files}
        for name in files:
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
            if not is_live and last[name.writer] == name:
                yield from finder.end()
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


def _meant(each: Line, *, is_rolled_back: bool = False) -> Meant:
    said = each.fields
    event = said.get("event")
    return Meant(
        each.seq,
        event if isinstance(event, int) else None,
        str(said.get("tried_at", each.at)),
        str(said.get("actor", "")),
        str(said.get("action", "")),
        str(said.get("target", "")),
        is_rolled_back and each.kind == line.INTENT,
        each.kind == line.REFUSED,
        str(said.get("why", "")),
        str(said.get("trace_id", "")),
    )


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
