"""A real Prometheus Alertmanager, from an alert posted to it to the incident."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incidents.models import Alert, AlertReceipt, Incident
from incidents.tasks import drain_receipts
from tests.incidents.serving import Served, served
from tests.people import Cast

BINARY = shutil.which("prometheus-alertmanager")
pytestmark = [
    pytest.mark.alertmanager,
    pytest.mark.skipif(
        BINARY is None,
        reason="prometheus-alertmanager is not installed (Debian: apt install prometheus-alertmanager)",
    ),
]

CONFIG = """
route:
  receiver: vigil
  group_by: [team]
  group_wait: 50ms
  group_interval: 500ms
  repeat_interval: 1h
receivers:
  - name: vigil
    webhook_configs:
      - url: {url}/api/v1/ingest/alertmanager/
        send_resolved: true
        max_alerts: {max_alerts}
        http_config:
          {credentials}
"""


@dataclass
class Alertmanager:
    port: int

    def fire(self, *names: str, ended: bool = False, **labels: str) -> None:
        now = datetime.now(UTC)
        ends_at = now - timedelta(seconds=1) if ended else now + timedelta(hours=1)
        self._request(
            "POST",
            [
                {
                    "labels": {"alertname": name, "severity": "critical", "team": "x", **labels},
                    "annotations": {"summary": f"{name} is down"},
                    "startsAt": (now - timedelta(minutes=1)).isoformat(),
                    "endsAt": ends_at.isoformat(),
                    "generatorURL": "http://prometheus.example/graph",
                }
                for name in names
            ],
        )

    def is_ready(self) -> bool:
        try:
            self._request("GET")
        except OSError:
            return False
        return True

    def _request(self, method: str, body: object = None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(
                method,
                "/api/v2/alerts",
                json.dumps(body) if body is not None else None,
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            assert response.status == 200, response.read()
        finally:
            connection.close()


@pytest.fixture
def vigil(committed_cast: Cast) -> Iterator[Served]:
    with served() as running:
        yield running


Start = Callable[..., Alertmanager]


@pytest.fixture
def alertmanager(vigil: Served, committed_cast: Cast, tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(credentials: str = "", max_alerts: int = 0) -> Alertmanager:
        config = tmp_path / "alertmanager.yml"
        bearer = f"authorization: {{type: Bearer, credentials: {committed_cast.secret}}}"
        config.write_text(
            CONFIG.format(url=vigil.url, credentials=credentials or bearer, max_alerts=max_alerts)
        )
        port = _free_port()
        with (tmp_path / "log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [
                        str(BINARY),
                        f"--config.file={config}",
                        f"--storage.path={tmp_path / 'data'}",
                        f"--web.listen-address=127.0.0.1:{port}",
                        "--cluster.listen-address=",
                    ],
                    stdout=log,
                    stderr=log,
                )
            )
        running = Alertmanager(port)
        wait_for(running.is_ready)
        return running

    yield start
    for process in processes:
        process.kill()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def receipts(status: str) -> int:
    return AlertReceipt.objects.filter(normalized__status=status).count()


def test_an_alert_becomes_an_incident_and_its_resolve_arrives(alertmanager: Start) -> None:
    running = alertmanager()
    running.fire("Checkout", service="checkout")
    wait_for(lambda: receipts("firing"))
    drain_receipts()
    incident = Incident.objects.get()
    alert = incident.alerts.get()
    assert (incident.title, incident.severity) == ("Checkout is down", "P1")
    assert (incident.service.slug, alert.links) == (
        "checkout",
        ["http://prometheus.example/graph"],
    )
    running.fire("Checkout", service="checkout", ended=True)
    wait_for(lambda: receipts("resolved"))
    drain_receipts()
    alert.refresh_from_db()
    assert (alert.status, alert.ends_at is not None) == ("resolved", True)
    assert Incident.objects.count() == 1


def test_a_group_that_mixes_firing_and_resolved_is_told_apart(alertmanager: Start) -> None:
    running = alertmanager()
    running.fire("A", "B")
    wait_for(lambda: receipts("firing") >= 2)
    running.fire("A", ended=True)
    wait_for(lambda: receipts("resolved"))
    drain_receipts()
    statuses = dict(Alert.objects.values_list("labels__alertname", "status"))
    assert statuses == {"A": "resolved", "B": "firing"}
    assert Incident.objects.count() == 2


def test_it_may_sign_in_with_basic(alertmanager: Start, committed_cast: Cast) -> None:
    running = alertmanager(
        f"basic_auth: {{username: alertmanager, password: {committed_cast.secret}}}"
    )
    running.fire("Checkout")
    wait_for(lambda: receipts("firing"))


def test_an_outage_loses_nothing(alertmanager: Start, vigil: Served) -> None:
    running = alertmanager()
    vigil.is_down.set()
    running.fire("Checkout", "Search")
    wait_for(lambda: vigil.refused >= 2)
    assert AlertReceipt.objects.count() == 0
    vigil.is_down.clear()
    wait_for(lambda: receipts("firing") >= 2)
    drain_receipts()
    assert Incident.objects.count() == 2


def test_what_it_left_out_is_told(alertmanager: Start) -> None:
    alertmanager(max_alerts=1).fire("A", "B", "C")
    wait_for(lambda: receipts("firing"))
    assert AlertReceipt.objects.latest("id").normalized["details"]["truncatedAlerts"] == 2
