"""Processes of a whole installation that hang: found by name, paged, and over once they go on."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.watchdog import State, read_report
from tests.fakes.pagerduty import PagerDuty
from tests.stack.installation import Installation
from tests.stack.people import Person
from tests.stack.waiting import wait_until

# Half a minute until somebody is paged, and a whole one for the watchdog.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
# What the supervisor calls them, and what the watchdog does.
ROLES = {
    "worker": "worker",
    "notifier": "notifier",
    "beat": "beat",
    "ledger": "sequencer",
    "signer": "signer",
}


@pytest.fixture
def cloud() -> Iterator[PagerDuty]:
    fake = PagerDuty()
    yield fake
    fake.stop()


@pytest.fixture
def running(cloud: PagerDuty) -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="vigil-beats-"))
    home.chmod(0o755)
    installation = Installation(
        Person(python=sys.executable, account=None),
        home / "var",
        VIGIL_EMERGENCY_PAGERDUTY_KEY="k" * 32,
        VIGIL_EMERGENCY_PAGERDUTY_URL=cloud.url,
    )
    try:
        installation.wait_until_ready()
        yield installation
    finally:
        installation.clean_up()
        shutil.rmtree(home)


def test_who_hangs_is_found_paged_and_well_again(running: Installation, cloud: PagerDuty) -> None:
    def failing() -> set[str]:
        report = read_report(running.layout.watchdog)
        found = report.probes.items() if report else ()
        return {name for name, seen in found if seen.state is State.FAILING}

    def open_for() -> set[str]:
        return {key.rpartition(":")[2] for key in cloud.open}

    wait_until(lambda: set(ROLES.values()) <= {p.name for p in running.layout.beats.iterdir()})
    children = [running.child(name) for name in ROLES]
    for child in children:
        assert child
        child.send_signal(signal.SIGSTOP)
    wait_until(lambda: failing() >= set(ROLES.values()), timeout=40)
    wait_until(lambda: open_for() >= set(ROLES.values()), timeout=60)
    for child in children:
        assert child
        child.send_signal(signal.SIGCONT)
    wait_until(lambda: not failing() & set(ROLES.values()), timeout=40)
    wait_until(lambda: not open_for() & set(ROLES.values()), timeout=20)

    dog = running.child("watchdog")
    assert dog
    dog.send_signal(signal.SIGSTOP)
    wait_until(lambda: "watchdog" in open_for(), timeout=100)
    dog.send_signal(signal.SIGCONT)
    wait_until(lambda: "watchdog" not in open_for(), timeout=30)
