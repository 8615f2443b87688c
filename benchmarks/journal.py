"""What an intent in the journal costs, beside the bare append and fdatasync that it cannot do without.

    python -m benchmarks.journal [seconds] [directory]

Each thread writes an intent, waits until it is on the disk, and writes its outcome. `bare` is one
thread that appends as many bytes and syncs them, with nothing else. Three rounds, interleaved; the
medians. The directory is the working one if none is given: it must be on a real disk.
"""

import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from audit.journal.writer import Writer
from benchmarks.stand import table

ROUNDS = 3
THREADS = (1, 4, 16)
INTENT = {
    "actor": "user:7",
    "action": "incidents:incident:acknowledge",
    "target": "incidents.incident:INC-1042",
    "verdict": "allow",
    "policy": "c" * 64,
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}
SIZE = 770  # bytes of an intent and its outcome


def main(seconds: float = 2, directory: str = ".") -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    rates: dict[str, list[float]] = {}
    syncs: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for threads in (0, *THREADS):
            name = f"{threads} thread{'s' * (threads > 1)}" if threads else "bare"
            with tempfile.TemporaryDirectory(prefix="vigil-bench-", dir=directory) as home:
                measured = (
                    _journal(Path(home), threads, seconds) if threads else _bare(home, seconds)
                )
            rates.setdefault(name, []).append(measured[0])
            syncs.setdefault(name, []).append(measured[1])
    bare = statistics.median(rates["bare"])
    rows = [("", "intents/s", "to bare", "syncs/intent")]
    for name, measured_rates in rates.items():
        rate, synced = statistics.median(measured_rates), statistics.median(syncs[name])
        rows.append((name, f"{rate:.0f}", f"{rate / bare:.2f}", f"{synced:.3f}"))
    table("journal", rows)


def _bare(home: str, seconds: float) -> tuple[float, float]:
    fd = os.open(Path(home) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append() -> None:
        os.write(fd, b"x" * SIZE)
        os.fdatasync(fd)

    try:
        return _repeated(append, 1, seconds), 1.0
    finally:
        os.close(fd)


def _journal(home: Path, threads: int, seconds: float) -> tuple[float, float]:
    writer = Writer(home)
    writer.preflight()
    file = writer.file
    if file is None:
        raise RuntimeError("the preflight begins the file")

    def mean() -> None:
        writer.intent(event_id=1, **INTENT).committed(event_id=1, leaf_hash=bytes(32))

    before = file.syncs
    rate = _repeated(mean, threads, seconds)
    share = (file.syncs - before) / (rate * seconds)
    writer.close()
    return rate, share


def _repeated(work: Callable[[], object], threads: int, seconds: float) -> float:
    """How often it is done in a second, by so many threads together."""
    done = [0] * threads
    end = time.perf_counter() + seconds

    def run(number: int) -> None:
        while time.perf_counter() < end:
            work()
            done[number] += 1

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(done) / seconds


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    main(float(given.get(0, 2)), given.get(1, "."))
