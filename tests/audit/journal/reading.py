"""What the tests of the journal write, and how they look at what was written."""

import threading
from collections.abc import Callable
from pathlib import Path

from audit.journal import names
from audit.journal.line import Line
from audit.journal.reader import read
from audit.journal.writer import Writer

WHAT = {
    "actor": "user:7",
    "action": "incidents:incident:acknowledge",
    "target": "incidents.incident:INC-1042",
    "verdict": "allow",
    "policy": "c" * 64,
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}


def paths(directory: Path) -> list[Path]:
    return [name.path for name in names.files(directory)]


def lines(directory: Path) -> list[Line]:
    return [each for path in paths(directory) for each in read(path)]


def kinds(directory: Path) -> list[str]:
    return [each.kind for each in lines(directory)]


def together(count: int, work: Callable[[int], object]) -> None:
    """Runs it in so many threads, which begin at the same moment; raises what the first raised."""
    errors: list[BaseException] = []
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        ready.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def written(directory: Path) -> list[bytes]:
    return [each.raw for each in lines(directory)]


def mean(writer: Writer, count: int) -> None:
    for _ in range(count):
        writer.intent(**WHAT)
