"""The worker is woken, but never at the price of the detector's request."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import current_app

from incidents.models import AlertReceipt
from portal.lib.resilience.breaker import OPEN, circuit
from portal.lib.resilience.policies import POLICIES
from tests.incidents.api.calling import issued, with_secret


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis+socket://{tmp_path}/gone")


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A broker that takes connections, and never answers."""
    path = tmp_path / "hung"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        monkeypatch.setenv("CELERY_BROKER_URL", f"redis+socket://{path}")
        yield


def send() -> float:
    """Sends an alert, and returns how long that took."""
    caller = with_secret(issued("alerts:write"))
    begun = time.monotonic()
    assert caller.post("alerts/", {"summary": "Disk full"}).status == 202
    return time.monotonic() - begun


def test_an_accepted_alert_wakes_the_worker(committed_db: None) -> None:
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        queue.clear()
        send()
        message = queue.get_nowait()
        message.ack()
        queue.close()
    assert message.headers["task"] == "incidents.drain_receipts"
    # Without a worker these pile up; whoever comes back does not read them all first.
    good_for = datetime.fromisoformat(message.headers["expires"]) - datetime.now(UTC)
    assert timedelta() < good_for < timedelta(seconds=20)


@pytest.mark.parametrize(("broker", "seconds"), [("gone", 0.9), ("hung", 2.5)])
def test_a_broker_that_fails_costs_neither_alert_nor_time(
    committed_db: None, request: pytest.FixtureRequest, broker: str, seconds: float
) -> None:
    request.getfixturevalue(broker)
    assert send() < seconds
    assert AlertReceipt.objects.get().fate == "pending"


def test_after_a_failure_the_broker_is_left_alone_for_a_while(
    committed_db: None, hung: None
) -> None:
    send()
    breaker = circuit("broker")
    assert breaker is not None
    assert breaker.state == OPEN
    assert send() < POLICIES["broker"].timeouts[0]
    assert AlertReceipt.objects.count() == 2
