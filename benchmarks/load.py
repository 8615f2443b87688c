"""Ten times as much as it can serve: what becomes of the work on a P0 incident meanwhile.

    python -m benchmarks.load [seconds of flood | --brief]

Starts a whole installation on loopback, with default limits. Measures notes on a P0 incident and alerts
in while nothing else happens; finds how many pages and lists a second it serves; then asks for ten times
that, in the names of many people, while the urgent work goes on at its own pace. Client and server share
the machine, so that part of what the flood takes away is the flood itself.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.installation import Installation, running
from benchmarks.stand import percentile, table
from benchmarks.urgent import Urgent

TIMES = 10
# After which it would not have come back by itself.
AT_MOST = 30.0
GOAL_RATIO, GOAL_MEMORY = 2.0, 2 * 1024**3
PEOPLE = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """`shed` by the labels of the metric; `statuses` are the answers that the flood got."""

    idle: Urgent
    flooded: Urgent
    capacity: float
    statuses: dict[str, int]
    shed: dict[str, float]
    memory: int
    served_again_after: float
    lost: int


def main(seconds: float = 20.0) -> None:
    report(run(seconds), seconds)


def run(seconds: float) -> Outcome:
    with running(people=PEOPLE) as vigil:
        # What is needed for the first time takes its time: that is no idle figure.
        Urgent(vigil).work(2)
        idle = Urgent(vigil)
        idle.work(seconds)
        capacity = find_capacity(vigil)
        before = vigil.metrics("vigil_shed_total")
        memory, flooded = Memory(vigil.pid), Urgent(vigil)
        with memory.watched(), flooding(vigil, TIMES * capacity, seconds) as flood:
            time.sleep(2)
            flooded.work(max(seconds - 3, 2))
        ended = time.monotonic()
        served_again_after = vigil.wait_until_served() - ended
        after = vigil.metrics("vigil_shed_total")
        return Outcome(
            idle,
            flooded,
            capacity,
            flood["statuses"],
            {each: n - before.get(each, 0) for each, n in after.items() if n > before.get(each, 0)},
            memory.peak,
            served_again_after,
            vigil.missing(idle.accepted + flooded.accepted),
        )


def brief() -> None:
    """A short run, told as one line of JSON."""
    found = run(6.0)
    failed = [status for each in found.flooded.failed.values() for status in each]
    told = {
        "acknowledged": len(found.flooded.accepted),
        "lost": found.lost,
        "urgent_failed": failed,
        "shed": found.shed,
        "statuses": found.statuses,
        "memory": found.memory,
        "is_served_again": found.served_again_after < AT_MOST,
    }
    print(json.dumps(told))


def find_capacity(vigil: Installation, *, seconds: float = 4.0) -> float:
    """Pages and lists that are answered in a second, asked for somewhat faster than that."""
    with flooding(vigil, 60, seconds) as flood:
        pass
    return sum(n for status, n in flood["statuses"].items() if status.startswith("2")) / seconds


@contextlib.contextmanager
def flooding(vigil: Installation, rate: float, seconds: float) -> Iterator[dict[str, Any]]:
    """Runs beside the body, and waits for its own end; then the dictionary says how it went."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.flooding",
        str(vigil.port),
        str(rate),
        str(seconds),
    ]
    found: dict[str, Any] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(vigil.ordinary_requests()).encode())
        process.stdin.close()
        process.stdin = None
        try:
            yield found
        finally:
            output, _ = process.communicate(timeout=seconds + 60)
        found |= json.loads(output)


class Memory:
    """Of all processes of the installation together, what they share counted once for each."""

    def __init__(self, pid: int) -> None:
        self.peak, self._supervisor = 0, psutil.Process(pid)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.5):
            total = 0
            for process in (self._supervisor, *self._supervisor.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    # What several map counts in part for each: their sum is what they really take.
                    total += process.memory_full_info().pss
            self.peak = max(self.peak, total)


def report(found: Outcome, seconds: float) -> None:
    idle, flooded = found.idle, found.flooded
    rows = [("urgent work", "idle p95 ms", "flooded p95 ms", "ratio", "goal", "refused or failed")]
    for kind in ("note", "alert"):
        alone, beside = (percentile(each.took[kind], 0.95) for each in (idle, flooded))
        failed = f"{len(flooded.failed[kind])} of {len(flooded.took[kind])}"
        ratio = f"{beside / alone:.2f}"
        rows.append((kind, f"{alone:.0f}", f"{beside:.0f}", ratio, f"≤ {GOAL_RATIO:g}", failed))
    table("load: P0 work while ten times the capacity is asked for", rows)
    sent = sum(found.statuses.values())
    statuses = ", ".join(f"{n} × {status}" for status, n in sorted(found.statuses.items()))
    table(
        "load: the flood",
        [
            ("", "measured", "goal"),
            ("served a second, before", f"{found.capacity:.0f}", ""),
            ("asked for a second", f"{sent / seconds:.0f}", f"{TIMES * found.capacity:.0f}"),
            ("answered", statuses, ""),
            ("acknowledged alerts", f"{len(idle.accepted + flooded.accepted)}", ""),
            ("of these lost", f"{found.lost}", "0"),
            ("peak memory, MB", f"{found.memory / 1024**2:.0f}", f"< {GOAL_MEMORY / 1024**2:.0f}"),
            ("served again after, s", f"{found.served_again_after:.1f}", "at once"),
        ],
    )
    told = [(labels, f"{number:.0f}") for labels, number in sorted(found.shed.items())]
    table("load: refused, as /metrics counts them", [("reason and priority", "requests"), *told])


if __name__ == "__main__":
    if sys.argv[1:] == ["--brief"]:
        brief()
    else:
        main(*(float(argument) for argument in sys.argv[1:2]))
