"""PostgreSQL's own `pgbench`, so that at SQL level no client of ours is measured."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from portal.stack.postgres_install import find_install

CLIENTS, THREADS = 16, 2


@dataclass(frozen=True, slots=True)
class Measured:
    """Transactions a second by all clients together, and how long each took, in seconds."""

    rate: float
    durations: list[float]


def run(url: str, script: str, *, seconds: float, home: Path) -> Measured:
    """Each of 16 clients repeats the script; `:client_id` in it is 0 to 15."""
    path = home / "script.sql"
    path.write_text(script)
    for old in home.glob("latency*"):
        old.unlink()
    done = subprocess.run(
        [
            str(find_install(None).bin / "pgbench"),
            *("--no-vacuum", "--file", str(path), "--log", f"--log-prefix={home / 'latency'}"),
            *("--client", str(CLIENTS), "--jobs", str(THREADS)),
            *("--time", str(max(1, round(seconds))), url),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(done.stderr or done.stdout)
    return Measured(float(found[1]), [each for log in home.glob("latency*") for each in _took(log)])


def _took(log: Path) -> list[float]:
    """The third column of each line is its transaction's latency in microseconds."""
    return [int(line.split()[2]) / 1e6 for line in log.read_text().splitlines()]
