"""Says what was done to a file where two lines do not fit together, and to which of them.

A line vouches for the one before it, by digest. So of two that contradict each other, the one that
the next line vouches for is genuine.
"""

from collections.abc import Iterator

from audit.journal import line
from audit.journal.errors import Harm
from audit.journal.line import BadLine, Line

Follower = Line | BadLine
Diagnosis = tuple[Harm, int, str]


def diagnose(last: Line | None, found: Line, ahead: Iterator[Follower]) -> Diagnosis:
    """`found` does not follow `last`; both are well-formed. `ahead` are the lines after `found`."""
    if last is None:
        return Harm.DELETED, found.number, f"the beginning is missing, up to line {found.seq - 1}"
    if last.kind == line.SEAL:
        return Harm.EXTENDED, found.number, "the file was sealed before it"
    due = last.seq + 1
    if found.seq > due:
        return _jumped(due, found, ahead)
    if found.seq < due:
        return _came_again(last, found, next(ahead, None))
    if found.prev != last.digest:
        return _contradicts(last, found, next(ahead, None))
    return Harm.INSERTED, found.number, "a file has one opening line"


def _jumped(due: int, found: Line, ahead: Iterator[Follower]) -> Diagnosis:
    for further in ahead:
        if isinstance(further, Line) and further.seq == due:
            detail = f"sequence number {found.seq} stands before {due}"
            return Harm.REORDERED, found.number, detail
    missing = f"{due}" if found.seq == due + 1 else f"{due} to {found.seq - 1}"
    return Harm.DELETED, found.number, f"sequence number {missing} is missing before it"


def _came_again(last: Line, found: Line, after: Follower | None) -> Diagnosis:
    detail = f"sequence number {found.seq} came before"
    if found.seq == last.seq and found.raw != last.raw and _vouches(after, found):
        return Harm.INSERTED, last.number, f"sequence number {last.seq} comes again, and genuine"
    return Harm.INSERTED, found.number, detail


def _contradicts(last: Line, found: Line, after: Follower | None) -> Diagnosis:
    if isinstance(after, Line) and after.seq == found.seq and after.prev == last.digest:
        return Harm.INSERTED, found.number, f"sequence number {found.seq} comes again, and genuine"
    if _vouches(after, found):
        return Harm.EDITED, last.number, "its digest is not what the next line says"
    if after is None:
        detail = f"it or line {found.number}, the last: the one's digest is not what the other says"
        return Harm.EDITED, last.number, detail
    return Harm.EDITED, found.number, "it does not name the digest of the line before"


def _vouches(after: Follower | None, found: Line) -> bool:
    return isinstance(after, Line) and after.prev == found.digest
