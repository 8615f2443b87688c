"""Fails closed: whatever happens to the file, nothing is done that is not on record first."""

import errno
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from structlog.testing import capture_logs

from audit.journal import disk, space
from audit.journal.errors import JournalUnavailable
from audit.journal.space import Guard, Space
from audit.journal.writer import Writer
from portal.lib.errors import AuditUnavailable
from tests.audit.journal.reading import WHAT, kinds, lines, paths

IO_ERROR = OSError(errno.EIO, "Input/output error")
Harm = Callable[[Path], object]


def raising(error: Exception) -> Callable[..., int]:
    def call(*_args: object) -> int:
        raise error

    return call


def replace(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").rename(path)


def keep_and_replace(path: Path) -> None:
    path.with_suffix(".old").hardlink_to(path)
    replace(path)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"not by its writer\n")


HARMS: dict[str, tuple[Harm, str]] = {
    "deleted": (Path.unlink, "deleted"),
    "moved": (lambda path: path.rename(path.with_suffix(".old")), "not where it was"),
    "replaced by a copy": (replace, "deleted"),
    "replaced by a copy, itself kept": (keep_and_replace, "another file stands in its place"),
    "replaced by a link": (
        lambda path: path.symlink_to(path.rename(path.with_suffix(".old"))),
        "another file stands in its place",
    ),
    "appended to": (append, "were written to it"),
    "cut": (lambda path: os.truncate(path, 10), "were written to it"),
    "made read-only": (lambda path: path.chmod(0o400), "permission"),
    "its directory deleted": (lambda path: shutil.rmtree(path.parent), "deleted"),
}


@pytest.mark.parametrize("name", HARMS)
def test_a_file_that_was_touched_takes_no_more(writer: Writer, name: str) -> None:
    harm, reason = HARMS[name]
    writer.intent(**WHAT)
    harm(paths(writer.directory)[0])
    with pytest.raises(JournalUnavailable, match=reason):
        writer.intent(**WHAT)


@pytest.mark.parametrize("name", HARMS)
def test_and_the_attempt_after_it_begins_another(writer: Writer, name: str) -> None:
    harm, _ = HARMS[name]
    writer.intent(**WHAT)
    touched = paths(writer.directory)[0]
    harm(touched)
    with pytest.raises(JournalUnavailable):
        writer.preflight()
    writer.intent(**WHAT)
    assert writer.file is not None
    assert writer.file.path != touched
    assert writer.file.path.exists()


def test_a_file_deleted_while_a_line_was_synced_refuses_it(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.intent(**WHAT)
    monkeypatch.setattr(disk, "sync_data", lambda _fd: paths(writer.directory)[0].unlink())
    with pytest.raises(JournalUnavailable, match="deleted"):
        writer.intent(**WHAT)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("write", raising(OSError(errno.ENOSPC, "No space left on device"))),
        ("write", raising(IO_ERROR)),
        ("write", lambda fd, data: os.write(fd, data[:20])),
        ("sync_data", raising(IO_ERROR)),
        ("sync_data", raising(OSError(errno.ENOSPC, "No space left on device"))),
    ],
)
def test_a_call_that_fails_refuses_the_intent(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, call: str, fault: Callable[..., int]
) -> None:
    writer.intent(**WHAT)
    monkeypatch.setattr(disk, call, fault)
    with pytest.raises(AuditUnavailable) as refused:
        writer.intent(**WHAT)
    assert refused.value.message == "Action blocked: cannot create audit trail"


def test_a_file_is_never_trusted_again_after_a_failed_sync(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel reports a lost page once; a second sync of the same file would say all is well."""
    writer.intent(**WHAT)
    assert writer.file is not None
    failed = writer.file
    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_data", raising(IO_ERROR))
        with pytest.raises(JournalUnavailable):
            writer.intent(**WHAT)
    size = failed.path.stat().st_size
    with pytest.raises(JournalUnavailable):
        failed.sync(failed.tip.seq)
    writer.intent(**WHAT)
    assert failed.path.stat().st_size == size
    assert len(paths(writer.directory)) == 2


def test_the_next_file_refers_to_the_one_that_failed(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    surely = writer.intent(**WHAT)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_data", raising(IO_ERROR))
        with pytest.raises(JournalUnavailable):
            writer.intent(**WHAT)
    writer.intent(**WHAT)
    opening = lines(writer.directory)[-4]
    assert opening.kind == "open"
    assert opening.fields["after"] == {
        "file": paths(writer.directory)[0].name,
        "seq": surely.seq,
        "why": "the disk did not keep a line: [Errno 5] Input/output error",
    }
    by_seq = {each.seq: each for each in lines(writer.directory)}
    assert opening.prev == by_seq[surely.seq].digest
    assert len(by_seq) == len(lines(writer.directory))


def test_the_end_of_an_outage_says_since_when_and_how_many_were_refused(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.intent(**WHAT)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "write", raising(IO_ERROR))
        for _ in range(3):
            with pytest.raises(JournalUnavailable):
                writer.intent(**WHAT)
    with time_machine.travel(timedelta(seconds=2)):
        writer.preflight()
    writer.intent(**WHAT)
    assert kinds(writer.directory) == [
        *("open", "intent", "open", *["refused"] * 3, "resumed", "intent")
    ]
    assert {each.fields["target"] for each in lines(writer.directory)[3:6]} == {WHAT["target"]}
    said = lines(writer.directory)[-2].fields
    assert said["refused"] == 3
    assert said["why"] == "a line could not be written: [Errno 5] Input/output error"


def test_an_outage_that_goes_on_is_counted_to_its_end(
    writer: Writer, free: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.intent(**WHAT)
    free["now"] = 0.01
    with pytest.raises(JournalUnavailable):
        writer.intent(**WHAT)
    free["now"] = 0.5
    with monkeypatch.context() as patch:
        patch.setattr(disk, "write", raising(IO_ERROR))
        with pytest.raises(JournalUnavailable):
            writer.intent(**WHAT)
    writer.intent(**WHAT)
    resumed = lines(writer.directory)[-2]
    assert resumed.kind == "resumed"
    assert resumed.fields["refused"] == 2


def test_a_broken_disk_is_not_tried_at_every_request(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(disk, "write", lambda _fd, data: tried.append(data) or 0)
    for _ in range(20):
        with pytest.raises(JournalUnavailable):
            writer.intent(**WHAT)
    assert len(tried) == 1
    with pytest.raises(JournalUnavailable):
        writer.preflight()
    assert len(tried) == 2


def test_a_file_that_could_not_be_begun_is_not_left_behind(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "sync_data", raising(IO_ERROR))
    with pytest.raises(JournalUnavailable):
        writer.intent(**WHAT)
    assert paths(writer.directory) == []


def test_an_outcome_that_cannot_be_written_is_said_and_undoes_nothing(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = writer.intent(**WHAT)
    monkeypatch.setattr(disk, "write", raising(IO_ERROR))
    with capture_logs() as logs:
        intent.committed(event_id=1, leaf_hash=b"\0" * 32)
    assert "journal_outcome_lost" in [entry["event"] for entry in logs]
    with pytest.raises(JournalUnavailable):
        writer.intent(**WHAT)


def test_a_directory_that_cannot_be_made_blocks(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file where the directory should be")
    with pytest.raises(JournalUnavailable):
        Writer(tmp_path / "journal").intent(**WHAT)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    share = {"now": 0.5}
    monkeypatch.setattr(disk, "free", lambda _where: share["now"])
    return share


def test_below_a_twentieth_of_the_disk_nothing_is_begun(
    writer: Writer, free: dict[str, float]
) -> None:
    intent = writer.intent(**WHAT)
    free["now"] = 0.049
    with pytest.raises(JournalUnavailable, match=r"only 4\.9% of the disk is free"):
        writer.intent(**WHAT)
    with pytest.raises(JournalUnavailable):
        writer.preflight()
    # What is left is for the outcomes of what was begun.
    intent.committed(event_id=1, leaf_hash=b"\0" * 32)
    free["now"] = 0.051
    writer.intent(**WHAT)
    assert kinds(writer.directory) == [
        *("open", "intent", "outcome", "refused", "resumed", "intent")
    ]


def test_each_change_of_the_disks_state_is_told_once(free: dict[str, float]) -> None:
    guard = Guard()
    heard: list[tuple[Space, float]] = []
    guard.listeners.append(lambda state, share: heard.append((state, share)))
    with capture_logs() as logs:
        for share in (0.3, 0.19, 0.18, 0.205, 0.199, 0.22, 0.3):
            free["now"] = share
            guard.look(Path("/"))
    assert heard == [(Space.LOW, 0.19), (Space.WELL, 0.22)]
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]


def test_the_marks_are_those_of_the_standard() -> None:
    assert (space.LOW, space.FULL) == (0.20, 0.05)


def test_space_that_cannot_be_read_blocks(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "free", raising(IO_ERROR))
    with pytest.raises(JournalUnavailable):
        writer.intent(**WHAT)
