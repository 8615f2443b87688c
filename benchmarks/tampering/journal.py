"""The journal's files, as whoever may write to that directory can change them."""

import json
from collections.abc import Callable
from pathlib import Path

from audit.journal import line, names
from audit.ledger.kinds import Kind
from benchmarks.tampering.case import Case
from benchmarks.tampering.detectors import Detector
from benchmarks.tampering.house import House

AT = 3
"""The line that it is done to, counted from 0."""
Lines = list[bytes]


def to_file(change: Callable[[Lines], Lines], number: int = 0) -> Callable[[House], int | str]:
    """Writes a file anew: the first is sealed, the second is not."""

    def do(house: House) -> int | str:
        path = _files(house)[number]
        path.write_bytes(b"".join(raw + b"\n" for raw in change(path.read_bytes().splitlines())))
        return path.name

    return do


def delete_file(house: House) -> str:
    path = _files(house)[0]
    path.unlink()
    return path.name


def delete_all(house: House) -> str:
    path = _files(house)[0]
    for each in _files(house):
        each.unlink()
    return path.name


def exchange(house: House) -> str:
    """Another file's content under the name of the sealed one."""
    first, second = _files(house)[:2]
    first.write_bytes(second.read_bytes())
    return first.name


def edit(lines: Lines) -> Lines:
    return [*lines[:AT], lines[AT].replace(b"service:", b"servant:"), *lines[AT + 1 :]]


def edit_and_rechain(lines: Lines) -> Lines:
    """Every later line names the one before it again, and the last line seals what came of it."""
    edited = edit(lines)
    for number in range(AT + 1, len(edited)):
        fields = json.loads(edited[number])
        fields["prev"] = line.digest(edited[number - 1])
        if fields["kind"] == line.SEAL:
            fields["sha256"] = line.digest(b"".join(raw + b"\n" for raw in edited[:number]))
        edited[number] = line.canonical(fields)
    return edited


def put_in(lines: Lines) -> Lines:
    return [*lines[:AT], _following(lines[AT - 1]), *lines[AT:]]


def carry_on(lines: Lines) -> Lines:
    return [*lines, _following(lines[-1])]


def _following(raw: bytes) -> bytes:
    """A line that fits behind that one."""
    before = json.loads(raw)
    return line.encode(
        writer=before["writer"],
        seq=before["seq"] + 1,
        kind="note",
        prev=line.digest(raw),
        fields={},
    )


def _files(house: House) -> list[Path]:
    return [name.path for name in names.files(house.home / "journal")]


BY = Detector.JOURNAL
JOURNAL = (
    Case("a journal line is edited", BY, Kind.JOURNAL_EDITED, to_file(edit)),
    Case("… and all later ones chained anew", BY, Kind.JOURNAL_REPLACED, to_file(edit_and_rechain)),
    Case(
        "a journal line is deleted",
        BY,
        Kind.JOURNAL_DELETED,
        to_file(lambda lines: lines[:AT] + lines[AT + 1 :], 1),
    ),
    Case("a journal line is put in", BY, Kind.JOURNAL_INSERTED, to_file(put_in, 1)),
    Case("a journal file is carried on", BY, Kind.JOURNAL_EXTENDED, to_file(carry_on)),
    Case(
        "two journal lines change places",
        BY,
        Kind.JOURNAL_REORDERED,
        to_file(lambda lines: [*lines[:AT], lines[AT + 1], lines[AT], *lines[AT + 2 :]]),
    ),
    Case(
        "the end of a journal file is cut off",
        BY,
        Kind.JOURNAL_TRUNCATED,
        to_file(lambda lines: lines[:-2]),
    ),
    Case("a journal file gets another's content", BY, Kind.JOURNAL_TRUNCATED, exchange),
    Case("a journal file is deleted", BY, Kind.JOURNAL_MISSING, delete_file),
    Case("the whole journal is deleted", BY, Kind.JOURNAL_MISSING, delete_all),
)
