"""What is left of what, as `docs/failure-matrix.md` has it, on a running installation: the database and
the broker in all four ways, everything else once down. `python -m benchmarks.failure_matrix` tries all."""

from collections.abc import Iterator

import pytest

from tests import settings as test_settings
from tests.fault_matrix.house import House, a_house
from tests.fault_matrix.table import BY_NAME, DEPENDENCIES, FAULTS, Cell, together
from tests.fault_matrix.trying import tried
from tests.faulty_proxy import Mode

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

DATABASE, BROKER = BY_NAME["database"], BY_NAME["broker"]
OPEN = ("replica", "cache", "witnesses", "journal-central", "trace-collector")
# What takes the same away, or nothing, is down at once, which saves its time.
TOGETHER = (
    together("all that fails open", *OPEN),
    together("worker, beat and watchdog", "worker", "beat", "watchdog"),
    together("sequencer and signer", "ledger", "signer"),
    Cell(BY_NAME["web"], Mode.DOWN),
)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    if not test_settings.IS_EMBEDDED:
        pytest.skip("only where servers can be started")
    with a_house() as made:
        yield made


@pytest.mark.parametrize("mode", FAULTS)
def test_the_broker_fails_as_the_page_says(house: House, mode: Mode) -> None:
    assert tried(house, Cell(BROKER, mode)).problems == []


@pytest.mark.parametrize("mode", FAULTS)
def test_the_database_fails_as_the_page_says(house: House, mode: Mode) -> None:
    assert tried(house, Cell(DATABASE, mode), is_helped=True).problems == []


@pytest.mark.parametrize("cell", TOGETHER, ids=str)
def test_what_is_down_takes_away_what_the_table_says(house: House, cell: Cell) -> None:
    assert tried(house, cell, is_told=False).problems == []


def test_everything_was_down_once() -> None:
    tried_here = {name for each in TOGETHER for name in each.dependency.behind}
    tried_here |= {name for each in TOGETHER for name in each.dependency.processes}
    # A page takes half a minute, and is tried with the watchdog.
    others = {"database", "database-and-replica", "broker", "emergency-pagerduty"}
    assert tried_here | others == {each.name for each in DEPENDENCIES}
