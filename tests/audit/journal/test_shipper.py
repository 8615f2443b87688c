"""Nothing is lost on the way to the central log: it may come twice, never out of order."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from structlog.testing import capture_logs

from audit.journal import disk
from audit.journal.ship.delivery import NotDelivered, Record
from audit.journal.ship.lag import Lag, lag
from audit.journal.ship.positions import Positions
from audit.journal.ship.shipper import IDLE, LONGEST_PAUSE, Shipper
from audit.journal.ship.tail import Tail
from audit.journal.writer import Writer
from tests.audit.journal.reading import WHAT, mean, paths, written

RECEIVER = "syslog+tcp://logs.example.org:601"


class Log:
    """A central log in memory, which fails while there is a `failure`."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.sizes: list[int] = []
        self.failure: Exception | None = None
        self.largest = 10**9

    def send(self, records: list[Record]) -> None:
        if self.failure:
            raise self.failure
        if len(records) > self.largest:
            raise NotDelivered("HTTP 413", is_final=True, is_long=True)
        self.sizes.append(len(records))
        self.received += [record.raw for record in records]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def positions(directory: Path) -> Positions:
    return Positions.of(directory, RECEIVER)


@pytest.fixture
def shipper(directory: Path, log: Log, positions: Positions) -> Shipper:
    return Shipper(directory, log, positions)


def test_all_that_is_written_is_sent_once(writer: Writer, shipper: Shipper, log: Log) -> None:
    mean(writer, 5)
    assert shipper.drain()
    mean(writer, 5)
    assert shipper.drain()
    assert log.received == written(writer.directory)
    assert len(log.received) == 11


def test_with_nothing_to_send_it_waits(shipper: Shipper, writer: Writer) -> None:
    assert shipper.step().pause == IDLE
    mean(writer, 1)
    assert shipper.step().sent == 2
    assert (shipper.step().sent, shipper.step().pause) == (0, IDLE)


def test_a_line_that_is_not_written_to_its_end_waits(
    writer: Writer, shipper: Shipper, log: Log
) -> None:
    mean(writer, 2)
    [path] = paths(writer.directory)
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 5)
    shipper.drain()
    assert len(log.received) == 2
    path.write_bytes(whole)
    shipper.drain()
    assert log.received == written(writer.directory)


def test_a_new_shipper_goes_on_where_the_last_one_stopped(
    writer: Writer, log: Log, positions: Positions
) -> None:
    mean(writer, 3)
    Shipper(writer.directory, log, positions).drain()
    mean(writer, 3)
    Shipper(writer.directory, log, positions).drain()
    assert log.received == written(writer.directory)


def test_what_was_not_acknowledged_is_sent_again(
    writer: Writer, log: Log, positions: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it is killed between the acknowledgement and the storing of the position."""
    mean(writer, 3)
    with monkeypatch.context() as patch:
        patch.setattr(Positions, "store", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            Shipper(writer.directory, log, positions).drain()
    Shipper(writer.directory, log, positions).drain()
    assert log.received == written(writer.directory) * 2


def test_rotated_files_are_sent_to_their_end(directory: Path, shipper: Shipper, log: Log) -> None:
    writer = Writer(directory, max_file=1500)
    mean(writer, 3)
    shipper.drain()
    mean(writer, 9)
    writer.close()
    shipper.drain()
    assert len(paths(directory)) > 2
    assert log.received == written(directory)


def test_the_lines_of_each_writer_keep_their_order(
    directory: Path, shipper: Shipper, log: Log
) -> None:
    writers = [Writer(directory) for _ in range(3)]
    for writer in [*writers, *writers[::-1]] * 10:
        writer.intent(**WHAT)
        shipper.step()
    shipper.drain()
    for writer in writers:
        numbers = [
            line["seq"] for line in map(json.loads, log.received) if line["writer"] == writer.id
        ]
        assert numbers == list(range(1, 22))


def test_a_busy_file_does_not_keep_the_others_waiting(directory: Path) -> None:
    busy, quiet = Writer(directory), Writer(directory)
    mean(busy, 30)
    mean(quiet, 1)
    tail = Tail(directory)
    first = {record.name.writer for record in tail.next_batch({}, max_lines=5).records}
    second = {record.name.writer for record in tail.next_batch({}, max_lines=5).records}
    assert first | second == {busy.id, quiet.id}


def test_it_never_gives_up_and_waits_longer_each_time(
    writer: Writer, shipper: Shipper, log: Log
) -> None:
    mean(writer, 1)
    log.failure = NotDelivered("ConnectionRefusedError")
    with capture_logs() as logs:
        pauses = [shipper.step().pause for _ in range(12)]
        log.failure = None
        shipper.step()
    assert 0.25 <= pauses[0] <= 0.5
    assert pauses[3] > pauses[0]
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE
    assert log.received == written(writer.directory)
    assert [entry["event"] for entry in logs] == ["journal_ship_stalled", "journal_ship_resumed"]


def test_a_receiver_says_how_long_to_wait(writer: Writer, shipper: Shipper, log: Log) -> None:
    mean(writer, 1)
    log.failure = NotDelivered("HTTP 429", retry_after=90)
    assert shipper.step().pause == 90
    log.failure = NotDelivered("HTTP 401", is_final=True)
    assert shipper.step().pause == LONGEST_PAUSE


def test_a_batch_that_is_too_large_is_halved(writer: Writer, shipper: Shipper, log: Log) -> None:
    mean(writer, 39)
    log.largest = 10
    assert shipper.drain()
    assert max(log.sizes) <= 10
    assert log.received == written(writer.directory)


def test_positions_that_cannot_be_read_mean_all_over_again(
    writer: Writer, log: Log, positions: Positions
) -> None:
    mean(writer, 2)
    Shipper(writer.directory, log, positions).drain()
    positions.path.write_text('{"files": {"x": 1')
    Shipper(writer.directory, log, positions).drain()
    assert log.received == written(writer.directory) * 2


def test_positions_that_cannot_be_stored_do_not_stop_it(
    writer: Writer, log: Log, shipper: Shipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean(writer, 2)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_data", full)
        assert shipper.step().sent == 3
    mean(writer, 1)
    shipper.drain()
    assert log.received == written(writer.directory)


def test_files_that_are_gone_are_forgotten(
    directory: Path, shipper: Shipper, positions: Positions
) -> None:
    one, two = Writer(directory), Writer(directory)
    mean(one, 1)
    mean(two, 1)
    shipper.drain()
    assert one.file is not None
    one.file.path.unlink()
    mean(two, 1)
    shipper.drain()
    assert len(positions.load()) == 1


def replace(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").rename(path)


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"not a line\n")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (replace, "another file stands in its place"),
        (lambda path: os.truncate(path, 20), "it is shorter than what was sent of it"),
        (rewrite, "it does not continue what was sent before"),
    ],
)
def test_damage_is_said_once(
    writer: Writer, shipper: Shipper, harm: Callable[[Path], object], reason: str
) -> None:
    mean(writer, 2)
    shipper.drain()
    harm(paths(writer.directory)[0])
    with capture_logs() as logs:
        shipper.drain()
        shipper.drain()
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("journal_damaged", reason)]


def test_how_far_behind_it_is_can_be_told_from_the_disk(
    writer: Writer, shipper: Shipper, directory: Path
) -> None:
    with time_machine.travel(datetime(2026, 2, 12, 12, tzinfo=UTC), tick=False) as clock:
        mean(writer, 1)
        clock.shift(timedelta(seconds=30))
        assert lag(directory, RECEIVER) == Lag(paths(directory)[0].stat().st_size, 30)
        shipper.drain()
        assert lag(directory, RECEIVER) == Lag(0, 0)


def test_a_torn_end_is_nothing_to_be_behind_with(
    writer: Writer, shipper: Shipper, directory: Path
) -> None:
    mean(writer, 1)
    shipper.drain()
    with paths(directory)[0].open("ab") as file:
        file.write(b'{"half":')
    assert lag(directory, RECEIVER) == Lag(0, 0)


def test_several_threads_may_write_while_it_ships(
    writer: Writer, shipper: Shipper, log: Log
) -> None:
    threads = [threading.Thread(target=mean, args=(writer, 40)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        shipper.step()
    shipper.drain()
    assert log.received == written(writer.directory)
