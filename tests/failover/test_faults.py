"""Whatever happens to the database: refused in clean words, nothing acknowledged is lost, and it goes
on by itself. A real primary and replica, and an installation that is used all along."""

import json

import pytest

from tests.failover.world import FAULTS, READ_ONLY, Answer, World, ask
from tests.stack.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

# Some 12 s for a query that hangs, 5 s for each of 5 connections, and a cool-down, with room to spare.
NOTICED, RECOVERED = 120.0, 180.0
CODES = {503: {"DB_UNAVAILABLE", "AUDIT_UNAVAILABLE"}, 504: {"API_TIMEOUT"}}


def assert_clean(answer: Answer) -> None:
    """Taken, or refused with the envelope and a word on when to try again."""
    if answer.status == 202:
        return
    body = json.loads(answer.body)
    assert body["error_code"] in CODES[answer.status], body
    assert len(body["trace_id"]) == 32
    if answer.status == 503:
        assert body["retry_after"] > 0
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_acknowledged_is_lost_and_it_recovers_by_itself(world: World, fault: str) -> None:
    begin, end = FAULTS[fault]
    if fault == "disk full" and not world.is_small:
        pytest.skip("a disk of its own cannot be mounted here")
    with world.traffic() as traffic:
        wait_until(lambda: len(traffic.acknowledged) > 10, timeout=60)
        try:
            begin(world)
            began = max(a.at for a in traffic.sent)
            wait_until(lambda: traffic.first(traffic.sent, began, 503), timeout=NOTICED)
            if fault != "disk full":
                wait_until(
                    lambda: any(a.at > began and READ_ONLY in a.headers for a in traffic.read),
                    timeout=NOTICED,
                )
            status = ask(traffic.port, "GET", "/status.json")
            assert (status.status, "as_of" in json.loads(status.body)) == (200, True)
            assert ask(traffic.port, "GET", "/health/live").status == 200
        finally:
            end(world)
        ended = max(a.at for a in traffic.sent)
        wait_until(lambda: traffic.is_well(ended), timeout=RECOVERED)
    for answer in traffic.sent:
        assert_clean(answer)
    assert {answer.status for answer in traffic.read} <= {200, 503, 504}
    assert set(traffic.acknowledged) <= world.kept()
    done = world.manage("verify_ledger")
    assert done.returncode == 0, done.stdout
