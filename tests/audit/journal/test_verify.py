"""Whatever is done to a file that was written is found and named, with the first bad line."""

import hashlib
import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from audit.journal import disk
from audit.journal.directory import seals_pending, verify_all
from audit.journal.errors import Damage, Harm, JournalUnavailable
from audit.journal.line import canonical, digest
from audit.journal.reader import read
from audit.journal.seal import Seal
from audit.journal.verify import Status, verify
from audit.journal.writer import Writer
from tests.audit.journal.reading import WHAT, lines, paths


@pytest.fixture
def path(writer: Writer) -> Path:
    """Twelve lines: one that opens it, ten intents, and its seal."""
    for number in range(10):
        writer.intent(event_id=number, **WHAT)
    writer.close()
    return paths(writer.directory)[0]


def edit(raw: bytes, **fields: object) -> bytes:
    return canonical({**json.loads(raw), **fields})


def chained(rows: list[bytes]) -> list[bytes]:
    """What somebody writes who knows how the chain is made: every line anew, each one fitting."""
    fitting: list[bytes] = []
    for seq, raw in enumerate(rows, 1):
        prev = digest(fitting[-1]) if fitting else "0" * 64
        fitting.append(edit(raw, seq=seq, prev=prev))
    return fitting


def sealed(rows: list[bytes]) -> list[bytes]:
    """And who knows how a seal is made as well: nothing in the file shows it any more."""
    before = b"".join(raw + b"\n" for raw in rows[:-1])
    sha256 = hashlib.sha256(before).hexdigest()
    return chained([*rows[:-1], edit(rows[-1], bytes=len(before), sha256=sha256)])


Tamper = Callable[[list[bytes]], list[bytes]]
# `rows[5]` is line 6. Each tampering, what it is, and the first bad line.
TAMPERINGS: dict[str, tuple[Tamper, Harm, int]] = {
    "a field changed": (
        lambda rows: [*rows[:5], edit(rows[5], actor="user:8"), *rows[6:]],
        Harm.EDITED,
        6,
    ),
    "a byte changed": (
        lambda rows: [*rows[:5], rows[5].replace(b"{", b"(", 1), *rows[6:]],
        Harm.EDITED,
        6,
    ),
    "spelled differently": (
        lambda rows: [*rows[:5], rows[5].replace(b":", b": ", 1), *rows[6:]],
        Harm.EDITED,
        6,
    ),
    "its link changed": (
        lambda rows: [*rows[:5], edit(rows[5], prev="a" * 64), *rows[6:]],
        Harm.EDITED,
        6,
    ),
    "zeroed": (lambda rows: [*rows[:5], b"\0" * 90, *rows[6:]], Harm.EDITED, 6),
    "a line feed added": (lambda rows: [*rows[:5], b"", *rows[5:]], Harm.EDITED, 6),
    "a line feed lost": (lambda rows: [*rows[:5], rows[5] + rows[6], *rows[7:]], Harm.EDITED, 6),
    "a line removed": (lambda rows: [*rows[:5], *rows[6:]], Harm.DELETED, 6),
    "three lines removed": (lambda rows: [*rows[:5], *rows[8:]], Harm.DELETED, 6),
    "the beginning removed": (lambda rows: rows[3:], Harm.DELETED, 1),
    "two lines swapped": (
        lambda rows: [*rows[:5], rows[6], rows[5], *rows[7:]],
        Harm.REORDERED,
        6,
    ),
    "a line moved far": (
        lambda rows: [*rows[:3], *rows[4:9], rows[3], *rows[9:]],
        Harm.REORDERED,
        4,
    ),
    "a line doubled": (lambda rows: [*rows[:6], rows[5], *rows[6:]], Harm.INSERTED, 7),
    "an old line again": (lambda rows: [*rows[:6], rows[2], *rows[6:]], Harm.INSERTED, 7),
    "a line inserted": (
        lambda rows: [*rows[:5], edit(rows[5], actor="user:8", prev="a" * 64), *rows[5:]],
        Harm.INSERTED,
        6,
    ),
    "a fitting line inserted": (
        lambda rows: [*rows[:5], edit(rows[5], actor="user:8"), *rows[5:]],
        Harm.INSERTED,
        6,
    ),
    "a line of another writer": (
        lambda rows: [*rows[:5], edit(rows[5], writer="0" * 8 + "-0000" * 3 + "-" + "0" * 12)],
        Harm.INSERTED,
        6,
    ),
    "a second beginning": (
        lambda rows: [*rows[:5], edit(rows[0], seq=6, prev=digest(rows[4])), *rows[5:]],
        Harm.INSERTED,
        6,
    ),
    "a line after the seal": (
        lambda rows: [*rows, edit(rows[5], seq=13, prev=digest(rows[-1]))],
        Harm.EXTENDED,
        13,
    ),
    "all written anew around the seal": (
        lambda rows: chained([*rows[:5], edit(rows[5], actor="user:8"), *rows[6:]]),
        Harm.EDITED,
        12,
    ),
    "all written anew, for another writer": (
        lambda rows: chained(
            [edit(raw, writer="0" * 8 + "-0000" * 3 + "-" + "0" * 12) for raw in rows]
        ),
        Harm.REPLACED,
        1,
    ),
}


def tamper(path: Path, change: Tamper) -> None:
    rows = path.read_bytes().splitlines()
    path.write_bytes(b"".join(raw + b"\n" for raw in change(rows)))


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_named_with_the_first_bad_line(path: Path, name: str) -> None:
    change, harm, number = TAMPERINGS[name]
    tamper(path, change)
    report = verify(path)
    assert report.status is Status.DAMAGED
    assert report.damage is not None
    assert (report.damage.harm, report.damage.number) == (harm, number), str(report.damage)


def test_reading_stops_where_it_is_damaged(path: Path) -> None:
    tamper(path, lambda rows: [*rows[:5], rows[5][1:], *rows[6:]])
    good = []
    with pytest.raises(Damage):
        good.extend(read(path))
    reader = read(path)
    with pytest.raises(Damage):
        list(reader)
    assert reader.lines == 5


def test_any_single_byte_that_changes_is_found(path: Path) -> None:
    """But in the last line, which nothing in the file vouches for."""
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for position in random.sample(range(len(whole) - len(last)), 60):
        flipped = bytes([whole[position] ^ 1])
        path.write_bytes(whole[:position] + flipped + whole[position + 1 :])
        assert verify(path).status is Status.DAMAGED, position


def test_an_untouched_file_is_intact(path: Path) -> None:
    report = verify(path)
    assert (report.status, report.lines, report.last_seq) == (Status.INTACT, 12, 12)
    assert report.is_sealed
    assert not report.is_live


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_torn_last_line_is_no_damage_and_is_named(path: Path, cut: int) -> None:
    os.truncate(path, path.stat().st_size - cut)
    report = verify(path)
    assert (report.status, report.lines, report.damage) == (Status.TORN, 11, None)
    assert report.torn == len(path.read_bytes().splitlines()[-1])


def test_zeros_at_the_end_are_what_a_power_cut_leaves(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0" * 4096)
    assert (verify(path).status, verify(path).torn) == (Status.TORN, 4096)


def test_a_line_that_is_being_written_is_nothing_to_report(writer: Writer) -> None:
    writer.intent(**WHAT)
    [path] = paths(writer.directory)
    with path.open("ab") as file:
        file.write(b'{"half":')
    report = verify(path)
    assert (report.status, report.is_live, report.torn) == (Status.INTACT, True, 0)


def test_a_line_without_end_does_not_fill_the_memory(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x" * 200_000)
    damage = verify(path).damage
    assert damage is not None
    assert (damage.harm, damage.number) == (Harm.EDITED, 13)


def test_reading_goes_on_where_it_stopped(writer: Writer) -> None:
    writer.intent(event_id=1, **WHAT)
    reader = read(paths(writer.directory)[0])
    assert [each.kind for each in reader] == ["open", "intent"]
    writer.intent(event_id=2, **WHAT)
    assert [each.fields["event"] for each in reader] == [2]
    assert list(reader) == []


def seal_of(path: Path) -> Seal:
    [seal] = seals_pending(path.parent, set())
    return seal


def test_a_last_line_that_was_changed_is_found_by_its_seal(path: Path) -> None:
    seal = seal_of(path)
    tamper(path, lambda rows: [*rows[:-1], edit(rows[-1], at="2026-02-12T18:30:00.000000Z")])
    assert verify(path).damage is None
    damage = verify(path, seal=seal).damage
    assert damage is not None
    assert damage.harm is Harm.REPLACED


SEALED_TAMPERINGS: dict[str, tuple[Tamper, Harm]] = {
    "the end cut off": (lambda rows: rows[:7], Harm.TRUNCATED),
    "cut off, and sealed anew": (lambda rows: sealed([*rows[:7], rows[-1]]), Harm.TRUNCATED),
    "added to": (lambda rows: chained([*rows[:-1], rows[5], rows[6]]), Harm.EXTENDED),
    "one line changed, and all sealed anew": (
        lambda rows: sealed(chained([*rows[:5], edit(rows[5], actor="user:8"), *rows[6:]])),
        Harm.REPLACED,
    ),
}


@pytest.mark.parametrize("name", SEALED_TAMPERINGS)
def test_a_known_seal_shows_what_the_chain_cannot(path: Path, name: str) -> None:
    change, harm = SEALED_TAMPERINGS[name]
    seal = seal_of(path)
    tamper(path, change)
    damage = verify(path, seal=seal).damage
    assert damage is not None
    assert damage.harm is harm, str(damage)


def test_finished_files_await_their_seal_and_a_live_one_does_not(directory: Path) -> None:
    writer = Writer(directory, max_file=1500)
    while len(paths(directory)) < 3:
        writer.intent(**WHAT)
    first, second, _live = paths(directory)
    seals = seals_pending(directory, set())
    assert [seal.file for seal in seals] == [first.name, second.name]
    assert all(seal.is_whole for seal in seals)
    assert [seal.file for seal in seals_pending(directory, {first.name})] == [second.name]
    assert Seal.from_json(json.loads(json.dumps(seals[0].to_json()))) == seals[0]
    writer.close()


def test_a_file_that_its_writer_could_not_seal_gets_one_too(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.intent(**WHAT)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "write", lambda fd, data: os.write(fd, data[:9]))
        with pytest.raises(JournalUnavailable):
            writer.intent(**WHAT)
    writer.preflight()
    [seal] = seals_pending(writer.directory, set())
    abandoned = paths(writer.directory)[0]
    assert (seal.file, seal.is_whole, seal.damage) == (abandoned.name, False, "")
    assert seal.bytes == abandoned.stat().st_size
    assert verify(abandoned, seal=seal).damage is None


def test_a_file_without_a_first_line_is_nobodys_evidence(directory: Path, writer: Writer) -> None:
    writer.intent(**WHAT)
    writer.close()
    (directory / f"20260101T000000Z-{writer.id}-2.jsonl").touch()
    assert len(seals_pending(directory, set())) == 1


def harms(directory: Path, seals: Sequence[Seal] = ()) -> dict[str, Harm]:
    reports = verify_all(directory, seals)
    return {report.path.name: report.damage.harm for report in reports if report.damage}


@pytest.fixture
def three(directory: Path) -> list[Path]:
    writer = Writer(directory, max_file=1500)
    while len(paths(directory)) < 3:
        writer.intent(**WHAT)
    writer.close()
    assert harms(directory) == {}
    return paths(directory)


def test_a_file_missing_between_two_others_is_named(directory: Path, three: list[Path]) -> None:
    three[1].unlink()
    [(name, harm)] = harms(directory).items()
    assert name.endswith("-2.jsonl")
    assert harm is Harm.MISSING


def test_a_sealed_file_that_is_gone_is_named(directory: Path, three: list[Path]) -> None:
    seals = seals_pending(directory, set())
    three[2].unlink()
    assert harms(directory, seals) == {three[2].name: Harm.MISSING}


def test_the_next_file_shows_that_the_end_of_one_was_cut_off(
    directory: Path, three: list[Path]
) -> None:
    tamper(three[0], lambda rows: rows[:-2])
    assert harms(directory) == {three[0].name: Harm.TRUNCATED}


def test_the_next_file_shows_that_one_was_written_anew(directory: Path, three: list[Path]) -> None:
    tamper(three[0], lambda rows: chained([*rows[:-1], edit(rows[1], kind="intent")]))
    assert harms(directory) == {three[0].name: Harm.REPLACED}


def test_a_writers_files_read_as_one_chain(three: list[Path], directory: Path) -> None:
    numbers = [each.seq for each in lines(directory)]
    assert numbers == list(range(1, len(numbers) + 1))
