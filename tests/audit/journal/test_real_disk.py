"""The same with a real disk that is really full, a real missing permission and a real kill."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from audit.journal.errors import JournalUnavailable
from audit.journal.findings import Committed, Kind
from audit.journal.reconcile import reconcile
from audit.journal.space import Guard
from audit.journal.verify import Status, verify
from audit.journal.writer import Writer
from tests.audit.journal.reading import WHAT, kinds, lines, paths

ROOT = Path(__file__).parents[3]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mountpoint = tmp_path / "disk"
    mountpoint.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mountpoint)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk takes root and the right to mount one")
    yield mountpoint
    unmount = ["umount", "--lazy", str(mountpoint)]
    subprocess.run(unmount, check=True)


def fill(writer: Writer) -> None:
    """Until it is refused, which is long before so many lines."""
    for number in range(10_000):
        writer.intent(event_id=number, **WHAT)


def test_a_disk_is_never_filled_up_by_intents(small_disk: Path) -> None:
    writer = Writer(small_disk / "journal")
    with pytest.raises(JournalUnavailable, match="of the disk is free"):
        fill(writer)
    intent_count = kinds(writer.directory).count("intent")
    writer.close()
    assert intent_count > 100
    assert kinds(writer.directory)[-1] == "seal"


def test_a_full_disk_blocks_until_there_is_room_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    writer = Writer(small_disk / "journal", guard=Guard(low=0, full=0))
    with pytest.raises(JournalUnavailable):
        fill(writer)
    with pytest.raises(JournalUnavailable):
        writer.intent(**WHAT)
    full, *_ = paths(writer.directory)
    assert verify(full).damage is None
    ballast.unlink()
    writer.preflight()
    writer.intent(**WHAT)
    assert kinds(writer.directory)[-5:] == ["open", "refused", "refused", "resumed", "intent"]


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


UNTIL_REFUSED = """
import resource, sys
from pathlib import Path
from audit.journal.errors import JournalUnavailable
from audit.journal.writer import Writer
writer = Writer(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    while True:
        writer.intent(actor="user:7")
except JournalUnavailable as error:
    print(error.reason)
"""


def test_a_limit_on_the_size_of_files_blocks(directory: Path) -> None:
    said, _ = python(UNTIL_REFUSED, directory).communicate(timeout=30)
    assert "2" in said
    [path] = paths(directory)
    report = verify(path)
    assert (report.status, report.damage) == (Status.TORN, None)
    assert report.bytes == 3000
    assert report.torn > 0


WITHOUT_PERMISSION = """
import os, sys
from pathlib import Path
from audit.journal.errors import JournalUnavailable
from audit.journal.writer import Writer
"".encode("utf-16be")  # loads what the one that it becomes may not be able to read
if os.geteuid() == 0:
    # Root may write anywhere, so it becomes somebody else.
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
writer = Writer(Path(sys.argv[1]))
writer.intent(actor="user:7")
writer.close()
writer.directory.chmod(0o500)
try:
    writer.intent(actor="user:7")
except JournalUnavailable as error:
    print(error.reason)
writer.directory.chmod(0o700)
writer.preflight()
writer.intent(actor="user:7")
"""


def test_a_directory_without_permission_blocks() -> None:
    with tempfile.TemporaryDirectory(prefix="vigil-tests-") as home:
        Path(home).chmod(0o777)
        directory = Path(home) / "journal"
        said, _ = python(WITHOUT_PERMISSION, directory).communicate(timeout=30)
        assert "Permission denied" in said
        assert kinds(directory) == [
            *("open", "intent", "seal", "open", "refused", "resumed", "intent")
        ]


UNTIL_KILLED = """
import sys, time
from pathlib import Path
from audit.journal.writer import Writer
writer = Writer(Path(sys.argv[1]))
for event_id in (1, 2):
    writer.intent(event_id=event_id, actor="user:7")
writer.intent(event_id=3, actor="user:7").committed(event_id=3, leaf_hash=b"3" * 32)
print("meant", flush=True)
time.sleep(60)
"""


def test_a_process_killed_between_intent_and_commit_leaves_what_it_meant(directory: Path) -> None:
    process = python(UNTIL_KILLED, directory)
    assert process.stdout is not None
    assert process.stdout.readline() == "meant\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    meant = [each for each in lines(directory) if each.kind == "intent"]
    writer = UUID(meant[0].writer)
    events = [
        Committed(2, b"2" * 32, writer, meant[1].seq),
        Committed(3, b"3" * 32, writer, meant[2].seq),
    ]
    result = reconcile(directory, lambda: events)
    assert [(each.kind, each.event_id) for each in result.findings] == [
        (Kind.NOTHING_HAPPENED, 1),
        (Kind.UNSAID, 2),
    ]
    assert not result.is_alarming
