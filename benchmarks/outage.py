"""What an outage of the database costs: a real primary and replica, and somebody who uses Vigil all along.

    python -m benchmarks.outage [seconds that each fault lasts]

For each fault: until the first alert is refused in clean words, until pages are read from the replica, how
many acknowledged alerts are lost, and how long after the fault is over none is refused any more.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.stand import table
from tests.failover.world import FAULTS, READ_ONLY, Answer, World

NOTICED, RECOVERED = 120.0, 180.0


def wait_for(found: Callable[[], Any], limit: float) -> Any:
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        if answer := found():
            return answer
        time.sleep(0.05)
    return None


def seconds(answer: Answer | None, since: float) -> str:
    return f"{answer.at - since:.1f} s" if answer else "never"


def measure(world: World, fault: str, lasts: float) -> tuple[str, ...]:
    begin, end = FAULTS[fault]
    with world.traffic() as traffic:
        time.sleep(5)
        began = time.monotonic()
        begin(world)
        refused = wait_for(lambda: traffic.first(traffic.sent, began, 503), NOTICED)
        read = None
        if refused:
            read = wait_for(
                lambda: next(
                    (a for a in traffic.read if a.at > began and READ_ONLY in a.headers), None
                ),
                max(0.0, began + max(lasts, 30) - time.monotonic()),
            )
        time.sleep(max(0.0, began + lasts - time.monotonic()))
        ended = time.monotonic()
        end(world)
        wait_for(lambda: traffic.is_well(ended) or None, RECOVERED)
        back = traffic.well_again(ended) if traffic.is_well(ended) else None
    lost = set(traffic.acknowledged) - world.kept()
    others = {a.status for a in traffic.sent} - {202, 503}
    return (
        fault,
        seconds(refused, began),
        seconds(read, began),
        f"{len(lost)} of {len(traffic.acknowledged)}",
        ", ".join(map(str, sorted(others))) or "none",
        seconds(back, ended),
    )


def main(lasts: float) -> None:
    place = Path(tempfile.mkdtemp(prefix="vigil-bench-"))
    place.chmod(0o755)
    rows = [
        (
            "fault",
            "first clean 503",
            "read from the replica",
            "acknowledged and lost",
            "other answers",
            "all taken again after it",
        )
    ]
    try:
        with World(place) as world:
            faults = [name for name in FAULTS if name != "disk full" or world.is_small]
            rows += [measure(world, fault, lasts) for fault in faults]
    finally:
        shutil.rmtree(place)
    table(f"The database goes away for {lasts:g} s; a probe is due every 30 s", rows)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 25.0)
