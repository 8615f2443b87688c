"""One trace through the real processes: gunicorn's workers, the broker, Celery's pool."""

import http.client
import json
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.portal.tracing.receiving import Got, Receiver
from tests.stack.installation import Installation
from tests.stack.people import Person
from tests.stack.waiting import wait_until

pytestmark = pytest.mark.stack

CALLER, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ALERT = {"summary": "Disk of anna full", "severity": "P0"}


@contextmanager
def installed(receiver: Receiver, *, delay: int) -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="vigil-traces-"))
    home.chmod(0o755)
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": str(delay),
    }
    installation = Installation(Person(python=sys.executable, account=None), home / "var", **env)
    try:
        installation.wait_until_ready()
        yield installation
    finally:
        installation.clean_up()
        shutil.rmtree(home)


@pytest.fixture
def running(receiver: Receiver) -> Iterator[Installation]:
    with installed(receiver, delay=200) as running:
        yield running


@pytest.fixture
def waiting(receiver: Receiver) -> Iterator[Installation]:
    """Exports nothing before it ends."""
    with installed(receiver, delay=600_000) as running:
        yield running


def send(running: Installation) -> str:
    """Sends an alert, and returns the trace id of the answer."""
    found = re.search(r"vgl_\S+", running.layout.first_run.read_text())
    assert found
    headers = {
        "Host": "localhost",
        "Authorization": f"Bearer {found[0]}",
        "Content-Type": "application/json",
        "traceparent": f"00-{CALLER}-{SPAN}-01",
    }
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as connection:
        connection.request("POST", "/api/v1/alerts/", json.dumps(ALERT), headers)
        response = connection.getresponse()
        assert response.status == 202, response.read()
        return response.headers["X-Trace-Id"]


def traced(spans: list[Got]) -> list[Got]:
    return [span for span in spans if span.trace_id == CALLER]


def test_one_trace_goes_through_all_of_it(running: Installation, receiver: Receiver) -> None:
    assert send(running) == CALLER
    receiver.wait_for(
        lambda spans: {"server", "consumer"} <= {span.kind for span in traced(spans)},
        lambda spans: [s for s in traced(spans) if s.name == "broker"],
        timeout=30,
    )
    is_linked(traced(receiver.spans))
    holds_no_value(receiver.spans)
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
    with closing(psycopg.connect(running.layout.database_url("portal"))) as connection:
        found = connection.execute("SELECT 1 FROM audit_event WHERE trace_id = %s", [CALLER])
        assert found.fetchone()
    assert CALLER in (running.layout.logs / "web.log").read_text()
    assert exported(running) > 0
    # A collector that hangs keeps nobody from ending.
    receiver.hold.clear()
    assert send(running) == CALLER
    assert running.end(signal.SIGTERM) == 0


def test_what_waits_is_sent_as_the_processes_end(waiting: Installation, receiver: Receiver) -> None:
    send(waiting)
    url = waiting.layout.database_url("portal")
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        left = "SELECT FROM incidents_alertreceipt WHERE fate = 'pending'"
        wait_until(lambda: connection.execute(left).fetchone() is None, timeout=30)
    assert receiver.spans == []
    assert waiting.end(signal.SIGTERM) == 0
    kinds = {(span.service, span.kind) for span in receiver.spans}
    assert {("vigil-web", "server"), ("vigil-worker", "consumer")} <= kinds


def is_linked(spans: list[Got]) -> None:
    (web,) = [span for span in spans if span.kind == "server"]
    (broker,) = [span for span in spans if span.name == "broker"]
    (task,) = [span for span in spans if span.kind == "consumer"]
    statements = [span for span in spans if "db.query.text" in span.attributes]
    assert (web.service, web.name) == ("vigil-web", "POST /api/v1/alerts/")
    assert (task.service, task.name) == ("vigil-worker", "incidents.drain_receipts")
    assert web.parent_id == SPAN
    assert (broker.service, broker.parent_id) == ("vigil-web", web.span_id)
    assert task.parent_id == broker.span_id
    by = {(span.service, span.parent_id) for span in statements}
    assert by == {("vigil-web", web.span_id), ("vigil-worker", task.span_id)}


def holds_no_value(spans: list[Got]) -> None:
    everything = "\n".join(span.everything for span in spans)
    assert "SELECT" in everything
    for private in ("anna", "vgl_", "Disk"):
        assert private not in everything


def exported(running: Installation) -> float:
    """By all processes that share the counters, as one of them tells it."""
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as connection:
        connection.request("GET", "/metrics", headers={"Host": "localhost"})
        said = connection.getresponse().read().decode()
    found = re.search(r"^vigil_trace_spans_exported_total (\S+)$", said, re.MULTILINE)
    assert found
    return float(found[1])
