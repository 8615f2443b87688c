"""From the disk to a receiver that goes and comes back, by the command that does it."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.journal.ship.destination import Destination
from audit.journal.ship.positions import Positions
from audit.journal.ship.shipper import Shipper
from audit.journal.writer import Writer
from tests.audit.journal.reading import mean, written
from tests.audit.journal.receivers import Answer, OtlpReceiver, SyslogReceiver
from tests.stack.waiting import wait_until

ROOT = Path(__file__).parents[3]


def shipper(directory: Path, receiver: SyslogReceiver) -> Shipper:
    """One that begins anew each time, as after a restart, to the same receiver by name."""
    destination = Destination.parse(f"syslog+tcp://127.0.0.1:{receiver.port}")
    return Shipper(directory, destination.transport, Positions.of(directory, "logs"))


def test_a_receiver_that_comes_back_gets_all(writer: Writer) -> None:
    """Cut off in the middle of a frame, then gone, then back, perhaps at another address."""
    mean(writer, 50)
    with SyslogReceiver() as first:
        first.limit = 9000
        assert not shipper(writer.directory, first).drain()
    assert not shipper(writer.directory, first).drain()
    with SyslogReceiver() as second:
        assert shipper(writer.directory, second).drain()
    assert first.messages
    texts = [message.text.encode() for message in second.messages]
    assert texts == written(writer.directory)
    # What came twice is told by its writer and number.
    keys = {(each.data["writer"], each.data["seq"]) for each in first.messages + second.messages}
    assert len(keys) == len(texts)


def test_the_command_sends_what_is_there(writer: Writer, settings: object) -> None:
    mean(writer, 3)
    settings.JOURNAL_DIR = writer.directory
    with OtlpReceiver() as receiver:
        settings.JOURNAL_SHIP = f"otlp+http://127.0.0.1:{receiver.port}"
        call_command("ship_journal", "--once")
        receiver.answers = [Answer(503)]
        mean(writer, 1)
        with pytest.raises(SystemExit) as failed:
            call_command("ship_journal", "--once")
        call_command("ship_journal", "--once")
    assert failed.value.code == 1
    sent = [record["body"]["stringValue"].encode() for record in receiver.records]
    assert sent == written(writer.directory)


@pytest.mark.parametrize("url", ["", "syslog+tcp://"])
def test_the_command_says_what_is_not_set(settings: object, url: str) -> None:
    settings.JOURNAL_SHIP = url
    with pytest.raises(CommandError, match="VIGIL_JOURNAL_SHIP") as refused:
        call_command("ship_journal")
    assert refused.value.returncode == 2


SHIPPING = """
import sys
from pathlib import Path
from django.conf import settings
settings.configure(JOURNAL_DIR=Path(sys.argv[1]), JOURNAL_SHIP=sys.argv[2])
from audit.management.commands.ship_journal import Command
Command().handle(once=False)
"""


def test_a_running_shipper_follows_and_another_takes_over(writer: Writer) -> None:
    with SyslogReceiver() as receiver:
        url = f"syslog+tcp://127.0.0.1:{receiver.port}"
        command = [sys.executable, "-c", SHIPPING, str(writer.directory), url]

        def is_received() -> bool:
            received = {message.text.encode() for message in receiver.messages}
            return received == set(written(writer.directory))

        running = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
        try:
            for process in running:
                mean(writer, 3)
                wait_until(is_received)
                process.kill()
                process.wait()
            assert receiver.errors == []
        finally:
            for process in running:
                process.kill()
                process.wait()
