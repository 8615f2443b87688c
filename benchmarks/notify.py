"""What a NOTIFY in each transaction costs, against the same transaction without it.

    python -m benchmarks.notify [seconds]

A throw-away PostgreSQL with fsync on; 16 clients insert one row each transaction. Prints the
transactions per second of both, interleaved over three rounds, and their ratio.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from portal.stack.postgres import EmbeddedPostgres
from portal.stack.postgres_install import find_install

ROUNDS, CLIENTS = 3, 16
SCRIPTS = {
    "plain": "BEGIN;\nINSERT INTO queue (at) VALUES (now());\nCOMMIT;\n",
    "notify": "BEGIN;\nINSERT INTO queue (at) VALUES (now());\nNOTIFY ledger;\nCOMMIT;\n",
}


def main(seconds: int = 5) -> None:
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as home:
        Path(home).chmod(0o711)
        with EmbeddedPostgres(Path(home) / "pg", Path(home) / "run", fsync=True) as server:
            with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as opened:
                opened.execute("CREATE TABLE queue (id bigserial PRIMARY KEY, at timestamptz)")
            rates: dict[str, list[float]] = {name: [] for name in SCRIPTS}
            for _ in range(ROUNDS):
                for name, script in SCRIPTS.items():
                    rates[name].append(_rate(server, Path(home) / f"{name}.sql", script, seconds))
    for name, measured in rates.items():
        print(f"{name:8} {statistics.median(measured):8.0f} tx/s")
    ratio = statistics.median(rates["notify"]) / statistics.median(rates["plain"])
    print(f"ratio    {ratio:8.2f}")


def _rate(server: EmbeddedPostgres, path: Path, script: str, seconds: int) -> float:
    path.write_text(script)
    done = subprocess.run(
        [
            str(find_install(None).bin / "pgbench"),
            *("-n", "-f", str(path), "-c", str(CLIENTS), "-j", "2", "-T", str(seconds)),
            server.superuser_url("postgres"),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout)
    return float(found[1])


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
