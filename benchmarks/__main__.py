"""All benchmarks, one after the other, each held against its goal or its peer.

    python -m benchmarks [--json FILE] [name ...]

Bounded, on throw-away databases: some ten minutes on two cores. Everything else that this machine does
shows in the figures; the ratios are what to compare.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Sizes that a laptop gets through; each module says what its arguments are.
RUNS: dict[str, tuple[str, ...]] = {
    "gate": ("1000",),
    "append": ("2",),
    "append_sql": ("2",),
    "journal": ("1",),
    "notify": ("2",),
    "verify": ("100000",),
    "viewer": ("100000",),
    "outage": ("25",),
    "load": ("20",),
    # Without arguments, every cell: more than half an hour.
    "failure_matrix": ("database down", "broker down", "cache down"),
}


def main(names: list[str], report: Path | None) -> int:
    """How many of them failed to run."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as home:
        tables = Path(home) / "tables"
        for name in names:
            done = subprocess.run(
                [sys.executable, "-m", f"benchmarks.{name}", *RUNS[name]],
                check=False,
                env={**os.environ, "VIGIL_BENCH_TABLES": str(tables)},
            )
            failed += bool(done.returncode)
        lines = tables.read_text().splitlines() if tables.exists() else []
    if report is not None:
        load = [round(each, 1) for each in os.getloadavg()]
        machine = {"cpus": os.cpu_count(), "load_average": load}
        results = {"machine": machine, "tables": [json.loads(line) for line in lines]}
        report.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
        print(f"\nAs JSON: {report}")
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(RUNS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if unknown := set(given.names) - RUNS.keys():
        parser.error(f"there is no benchmark called {', '.join(sorted(unknown))}")
    sys.exit(min(main(given.names or list(RUNS), given.json), 1))
