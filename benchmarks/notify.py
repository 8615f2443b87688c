"""What a NOTIFY in each transaction costs, against the same transaction without it.

    python -m benchmarks.notify [seconds]

16 clients insert one row each transaction; both interleaved over three rounds, the medians.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import psycopg

from benchmarks import pgbench
from benchmarks.stand import table
from portal.stack.postgres import EmbeddedPostgres

ROUNDS = 3
SCRIPTS = {
    "plain": "BEGIN;\nINSERT INTO queue (at) VALUES (now());\nCOMMIT;\n",
    "notify": "BEGIN;\nINSERT INTO queue (at) VALUES (now());\nNOTIFY ledger;\nCOMMIT;\n",
}


def main(seconds: float = 4) -> None:
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as home:
        Path(home).chmod(0o711)
        with EmbeddedPostgres(Path(home) / "pg", Path(home) / "run", fsync=True) as server:
            url = server.superuser_url("postgres")
            with psycopg.connect(url, autocommit=True) as opened:
                opened.execute("CREATE TABLE queue (id bigserial PRIMARY KEY, at timestamptz)")
            rates: dict[str, list[float]] = {name: [] for name in SCRIPTS}
            for _ in range(ROUNDS):
                for name, script in SCRIPTS.items():
                    found = pgbench.run(url, script, seconds=seconds, home=Path(home))
                    rates[name].append(found.rate)
    plain = statistics.median(rates["plain"])
    rows = [("", "tx/s", "to plain")]
    for name, measured in rates.items():
        rate = statistics.median(measured)
        rows.append((name, f"{rate:.0f}", f"{rate / plain:.2f}"))
    table("notify: 16 clients", rows)


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:2]))
