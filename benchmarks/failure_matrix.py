"""The failure matrix, tried as a whole on one installation, as in docs/failure-matrix.md.

    python -m benchmarks.failure_matrix [dependency or "dependency mode" ...]

For each dependency × (down, slow, wrong, flapping): what was left of each capability, how long until the
system-health page said so, and how long after the fault is over all is well again. It takes about a minute a cell; fails
where one of them is not as the table says.
"""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("SECRET_KEY", "nothing is signed here")

from benchmarks.stand import table
from tests.fault_matrix.house import a_house
from tests.fault_matrix.table import BY_NAME, TITLES, cells
from tests.fault_matrix.trial import Trial
from tests.fault_matrix.trying import tried

HEAD = ("fault", *TITLES, "noticed", "well again", "lost")


def seconds(found: float | None) -> str:
    return "never" if found is None else f"{found:.0f} s"


def row(trial: Trial) -> tuple[str, ...]:
    outcomes = (str(trial.outcomes[t].went) if t in trial.outcomes else "–" for t in TITLES)
    noticed = seconds(trial.noticed) if trial.cell.is_steady else "–"
    return (str(trial.cell), *outcomes, noticed, seconds(trial.recovered), str(trial.lost))


def main(names: list[str]) -> int:
    """How many cells are not as the table says."""
    wanted = [each for each in cells() if not names or {str(each), each.dependency.name} & {*names}]
    rows, failed = [HEAD], 0
    with a_house() as house:
        for cell in wanted:
            trial = tried(house, cell, is_paged=True)
            rows.append(row(trial))
            print(" · ".join(rows[-1]), flush=True)
            for problem in trial.problems:
                print(f"    {problem}", flush=True)
            failed += bool(trial.problems)
    table("What is left while each dependency fails", rows)
    return failed


if __name__ == "__main__":
    if unknown := {each.split()[0] for each in sys.argv[1:]} - BY_NAME.keys():
        sys.exit(f"there is no dependency called {', '.join(sorted(unknown))}")
    sys.exit(min(main(sys.argv[1:]), 1))
