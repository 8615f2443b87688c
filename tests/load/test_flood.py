"""A short flood on a whole installation: who gives way, and that nothing acknowledged is lost.

`make bench ARGS=load` measures how long it takes; here only directions and counts are held.
"""

import json
import os
import subprocess
import sys

import pytest

from portal.stack.processes import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

# The settings under test, which a whole installation has no use for.
OURS = {
    "DJANGO_SETTINGS_MODULE",
    "PROMETHEUS_MULTIPROC_DIR",
    "SECRET_KEY",
}


@pytest.fixture(scope="module")
def outcome() -> dict[str, object]:
    """In a process of its own: it points Django at the installation that it starts."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith("VIGIL_")
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", "--brief"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_acknowledged_is_lost(outcome: dict[str, int]) -> None:
    assert outcome["acknowledged"] > 0
    assert outcome["lost"] == 0


def test_urgent_work_is_served_all_along(outcome: dict[str, list[int]]) -> None:
    assert outcome["urgent_failed"] == []


def test_the_flood_is_what_gives_way(outcome: dict[str, dict[str, int]]) -> None:
    shed = outcome["shed"]
    assert sum(shed.values()) > 0
    assert not [labels for labels in shed if 'priority="critical"' in labels]
    assert not [labels for labels in shed if 'priority="high"' in labels]


def test_each_answer_is_one_that_tells_the_caller_what_to_do(
    outcome: dict[str, dict[str, int]],
) -> None:
    assert set(outcome["statuses"]) <= {"200", "403", "429"}


def test_memory_stays_below_two_gigabytes(outcome: dict[str, int]) -> None:
    assert 0 < outcome["memory"] < 2 * 1024**3


def test_ordinary_work_is_served_again_afterwards(outcome: dict[str, bool]) -> None:
    assert outcome["is_served_again"] is True
