"""What is left of what, as `docs/failure-matrix.md` has it, on a running installation: the database and
the broker in all four ways, everything else once down. `python -m benchmarks.failure_matrix` tries all."""

import pytest

from tests import settings as test_settings
from tests.fault_matrix.house import House, a_house
from tests.fault_matrix.table import BY_NAME, DEPENDENCIES, FAULTS, Cell, together
from tests.fault_matrix.trying import tried
from tests.faulty_proxy import Mode

OPEN = ("replica", "cache", "witnesses", "journal-central", "trace-collector")
WATCHED = ("worker", "notifier", "beat", "watchdog")
# What takes the same away, or nothing, is down at once, which saves its time.
TOGETHER = (
    together("all that fails open", *OPEN),
    together("worker, notifier, beat and watchdog", *WATCHED),
    together("sequencer and signer", "ledger", "signer"),
    Cell(BY_NAME["web"], Mode.DOWN),
)


def problems(house: House) -> dict[str, list[str]]:
    broker = [tried(house, Cell(BY_NAME["broker"], mode)) for mode in FAULTS]
    database = [tried(house, Cell(BY_NAME["database"], mode), is_helped=True) for mode in FAULTS]
    others = [tried(house, cell, is_told=False) for cell in TOGETHER]
    return {str(trial.cell): trial.problems for trial in (*broker, *database, *others)}


@pytest.mark.stack
@pytest.mark.timeout(900)
@pytest.mark.skipif(not test_settings.IS_EMBEDDED, reason="only where servers can be started")
def test_whatever_fails_leaves_what_the_table_says() -> None:
    """One test, so that workers that run beside each other share one installation."""
    with a_house() as house:
        found = problems(house)
    assert {cell: wrong for cell, wrong in found.items() if wrong} == {}


def test_everything_is_down_once() -> None:
    parts = [each.dependency for each in TOGETHER]
    down = {name for each in parts for name in (*each.behind, *each.processes)}
    # On-call is paged after half a minute and more, which is tried with the watchdog.
    others = {"database", "database-and-replica", "broker", "emergency-pagerduty"}
    assert down | others == {each.name for each in DEPENDENCIES}
