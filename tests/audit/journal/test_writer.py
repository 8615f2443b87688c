"""What is promised of a journal while all is well."""

import hashlib
import itertools
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from audit.journal import disk, line
from audit.journal.writer import Writer
from portal.lib.errors import ValidationFailed
from tests.audit.journal.reading import WHAT, kinds, lines, paths
from tests.stack.waiting import wait_until


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of the file at each sync."""
    sizes: list[int] = []
    real = disk.sync_data

    def sync(fd: int) -> None:
        sizes.append(os.fstat(fd).st_size)
        real(fd)

    monkeypatch.setattr(disk, "sync_data", sync)
    return sizes


def test_nothing_is_made_before_the_first_line_is_due(directory: Path) -> None:
    Writer(directory)
    assert not directory.exists()


def test_an_intent_is_on_the_disk_when_its_maker_goes_on(writer: Writer, synced: list[int]) -> None:
    writer.intent(event_id=41, **WHAT)
    [path] = paths(writer.directory)
    assert synced[-1] == path.stat().st_size


def test_the_file_and_its_directory_are_for_their_owner_only(writer: Writer) -> None:
    writer.intent(**WHAT)
    [path] = paths(writer.directory)
    assert path.stat().st_mode & 0o777 == 0o600
    assert writer.directory.stat().st_mode & 0o777 == 0o700


def test_a_new_files_name_lasts_and_so_does_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(disk, "sync_directory", synced.append)
    writer = Writer(tmp_path / "var" / "journal")
    writer.intent(**WHAT)
    writer.intent(**WHAT)
    assert synced == [tmp_path, tmp_path / "var", writer.directory]


def test_an_intent_says_who_means_to_do_what(writer: Writer) -> None:
    intent = writer.intent(event_id=41, **WHAT)
    written = lines(writer.directory)[-1]
    assert written.kind == "intent"
    assert written.fields == {"event": 41, **WHAT}
    assert (intent.writer, intent.seq) == (written.writer, written.seq)


def test_each_line_carries_the_digest_of_the_line_before(writer: Writer) -> None:
    for number in range(5):
        writer.intent(event_id=number, **WHAT).rolled_back(KeyError("secret"))
    written = lines(writer.directory)
    assert written[0].prev == line.NOTHING
    for before, after in itertools.pairwise(written):
        assert after.prev == hashlib.sha256(before.raw).hexdigest()
        assert after.seq == before.seq + 1


def test_an_outcome_names_its_intent_the_event_and_its_leaf(writer: Writer) -> None:
    intent = writer.intent(event_id=41, **WHAT)
    intent.committed(event_id=41, leaf_hash=b"\x07" * 32)
    written = lines(writer.directory)[-1]
    assert written.kind == "outcome"
    assert written.fields == {
        "intent": intent.seq,
        "result": "committed",
        "event": 41,
        "leaf": "07" * 32,
    }


def test_a_failure_is_named_by_its_class_alone(writer: Writer) -> None:
    intent = writer.intent(**WHAT)
    intent.rolled_back(ValueError("the patient's name"))
    written = lines(writer.directory)[-1]
    assert written.fields == {
        "intent": intent.seq,
        "result": "rolled_back",
        "error": "ValueError",
    }


def test_the_first_outcome_counts(writer: Writer) -> None:
    intent = writer.intent(**WHAT)
    intent.committed(event_id=1, leaf_hash=b"\0" * 32)
    intent.rolled_back(RuntimeError("in a hook after the commit"))
    assert kinds(writer.directory) == ["open", "intent", "outcome"]


def test_an_outcome_is_on_the_disk_within_a_tenth_of_a_second(
    writer: Writer, synced: list[int]
) -> None:
    intent = writer.intent(**WHAT)
    before = len(synced)
    intent.committed(event_id=1, leaf_hash=b"\0" * 32)
    began = time.monotonic()
    [path] = paths(writer.directory)
    assert len(synced) == before
    wait_until(lambda: synced[-1] == path.stat().st_size, timeout=2)
    # Twice the promise, for a machine that is busy with other tests.
    assert time.monotonic() - began < 0.2


def test_what_is_too_long_for_a_line_is_the_callers_mistake(writer: Writer) -> None:
    writer.intent(**WHAT)
    with pytest.raises(ValidationFailed, match="65535 is the limit"):
        writer.intent(**{**WHAT, "target": "x" * 70_000})
    writer.intent(**WHAT)
    assert kinds(writer.directory) == ["open", "intent", "intent"]


def test_a_file_is_sealed_with_the_count_and_digest_of_its_lines(writer: Writer) -> None:
    writer.intent(**WHAT)
    writer.close()
    [path] = paths(writer.directory)
    *_, seal = written = lines(writer.directory)
    before = path.read_bytes().removesuffix(seal.raw + b"\n")
    assert seal.fields == {
        "lines": len(written) - 1,
        "bytes": len(before),
        "sha256": hashlib.sha256(before).hexdigest(),
    }


def test_a_full_file_is_sealed_and_the_next_one_goes_on(directory: Path) -> None:
    writer = Writer(directory, max_file=2000)
    for number in range(12):
        writer.intent(event_id=number, **WHAT)
    written = lines(directory)
    assert len(paths(directory)) > 1
    assert [each.seq for each in written] == list(range(1, len(written) + 1))
    opening = [each for each in written if each.kind == "open"]
    sealing = [each for each in written if each.kind == "seal"]
    assert [each.prev for each in opening[1:]] == [each.digest for each in sealing]
    assert opening[1].fields["after"] == {
        "file": paths(directory)[0].name,
        "seq": sealing[0].seq,
        "why": "finished",
    }


def test_each_day_has_its_own_file(directory: Path) -> None:
    writer = Writer(directory)
    with time_machine.travel(datetime(2026, 2, 12, 23, 59, tzinfo=UTC)) as clock:
        writer.intent(**WHAT)
        writer.intent(**WHAT)
        clock.shift(120)
        writer.intent(**WHAT)
    assert kinds(directory) == ["open", "intent", "intent", "seal", "open", "intent"]


def test_an_outcome_may_come_in_a_later_file(directory: Path) -> None:
    writer = Writer(directory, max_file=1)
    intent = writer.intent(**WHAT)
    intent.committed(event_id=1, leaf_hash=b"\0" * 32)
    assert kinds(directory) == ["open", "intent", "seal", "open", "outcome"]


def test_other_lines_may_be_written_that_must_last(writer: Writer, synced: list[int]) -> None:
    writer.note("gate_latched", policies=["a", "b"])
    assert lines(writer.directory)[-1].fields == {"policies": ["a", "b"]}
    assert synced[-1] == paths(writer.directory)[0].stat().st_size


def test_a_preflight_begins_the_file(writer: Writer) -> None:
    writer.preflight()
    writer.preflight()
    assert kinds(writer.directory) == ["open"]
