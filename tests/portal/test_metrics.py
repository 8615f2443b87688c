"""What Prometheus is told."""

import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from audit.gate import engine, latch
from audit.latches import record_latch
from incidents.procedure import State as IncidentState
from portal import health
from portal.celery import app
from portal.counting import CountingMiddleware, Slot
from portal.lib.errors import GovernanceFailure
from portal.readiness import Readiness
from portal.stack.processes import ROOT
from portal.watchdog import Finding, Probe, State, Watchdog
from tests.database import pointed_at
from tests.incidents.api.calling import with_secret
from tests.incidents.arranging import recorded, restrict
from tests.incidents.ingesting import received
from tests.incidents.making import in_state, opened
from tests.people import Cast

Samples = dict[str, float]


def scraped() -> Samples:
    response = Client().get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        sample.name
        + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_all_names_begin_with_vigil(committed_db: None) -> None:
    assert {name.partition("_")[0] for name in scraped()} == {"vigil"}


def test_open_incidents_are_counted_by_severity(committed_cast: Cast) -> None:
    opened(committed_cast, "P0")
    opened(committed_cast, "P2")
    in_state(committed_cast, IncidentState.FALSE_POSITIVE, "P2")
    found = scraped()
    counts = [found[f"vigil_incidents_open,severity=P{number}"] for number in range(4)]
    assert counts == [1, 0, 1, 0]


def test_drills_and_restricted_incidents_are_not_told(committed_cast: Cast) -> None:
    drill = opened(committed_cast, "P0")
    restrict(opened(committed_cast, "P0"))

    def mark() -> None:
        drill.is_drill = True
        drill.save(update_fields=["is_drill"])

    recorded(mark)
    assert scraped()["vigil_incidents_open,severity=P0"] == 0


def test_waiting_alerts_are_counted_and_timed(committed_cast: Cast) -> None:
    assert scraped()["vigil_receipts_oldest_pending_seconds"] == 0
    for key in ("a", "b"):
        received(committed_cast, key)
    found = scraped()
    assert found["vigil_receipts_pending"] == 2
    assert 0 < found["vigil_receipts_oldest_pending_seconds"] < 60


def test_the_ledger_tells_how_far_it_is(committed_cast: Cast) -> None:
    found = scraped()
    assert found["vigil_ledger_size"] == 0
    assert found["vigil_ledger_pending"] > 10
    assert 0 < found["vigil_ledger_oldest_pending_seconds"] < 60
    assert found["vigil_ledger_checkpoint_age_seconds"] == 0


class Broken:
    name, digest = "axioms", ""

    def vote(self, _request: object, _asked: object) -> object:
        raise RuntimeError


def test_failures_of_the_gate_are_counted(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scraped()["vigil_gate_failures_total"] == 0
    with monkeypatch.context() as patch, pytest.raises(GovernanceFailure):
        patch.setattr(engine, "_VOTERS", (Broken(),))
        opened(committed_cast)
    assert scraped()["vigil_gate_failures_total"] == 1


def test_without_the_database_that_is_what_is_told(committed_db: None) -> None:
    assert scraped()["vigil_database_up"] == 1
    with pointed_at("vigil_no_such_database"):
        found = scraped()
    assert found["vigil_database_up"] == 0
    assert "vigil_receipts_pending" not in found
    assert any(name.startswith("vigil_http_requests_total") for name in found)


# --- Requests


def test_requests_are_counted_by_route_and_never_by_path(committed_cast: Cast) -> None:
    number = opened(committed_cast).number
    name = "vigil_http_requests_total,method=GET,route=incidents-api:incident-detail,status=4xx"
    before = scraped().get(name, 0)
    with_secret("wrong").get(f"incidents/{number}/")
    Client().get("/api/v1/nowhere/at-all/")
    text = Client().get("/metrics").content.decode()
    assert scraped()[name] == before + 1
    assert number not in text
    assert "at-all" not in text


def test_latencies_fall_into_buckets(committed_db: None) -> None:
    Client().get("/health/live")
    found = scraped()
    labels = "route=health-live,status=2xx"
    assert found[f"vigil_http_request_duration_seconds_count,{labels}"] >= 1
    assert (
        found[f"vigil_http_request_duration_seconds_bucket,le=+Inf,{labels}"]
        == found[f"vigil_http_request_duration_seconds_count,{labels}"]
    )


def test_methods_that_nobody_knows_are_one(committed_db: None) -> None:
    Client().generic("BREW", "/health/live")
    Client().generic("STEEP", "/health/live")
    methods = {name for name in scraped() if "route=health-live" in name and "method=" in name}
    assert not any("BREW" in name or "STEEP" in name for name in methods)
    assert any("method=other" in name for name in methods)


def test_what_matched_no_route_is_counted_as_such(committed_db: None) -> None:
    counting = CountingMiddleware(lambda _request: HttpResponse(status=503))
    request: HttpRequest = RequestFactory().get("/anything")
    counting(request)
    assert scraped()["vigil_http_requests_total,method=GET,route=unmatched,status=5xx"] >= 1


COUNTS = textwrap.dedent("""
    import sys
    import django
    django.setup()
    from portal import counting
    counting.REQUESTS.labels("by-processes", "GET", "2xx").inc(int(sys.argv[1]))
    print(counting.values.ValueClass._multiprocess)
    sys.stdin.read()
""")


def test_all_processes_are_counted_together_and_none_is_forgotten(committed_db: None) -> None:
    environ = {
        **os.environ,
        "VIGIL_VAR": str(settings.VAR.var),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    name = "vigil_http_requests_total,method=GET,route=by-processes,status=2xx"
    before = scraped().get(name, 0)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTS, str(number)],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in (3, 4)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
    assert scraped()[name] == before + 7
    for process in running:
        process.communicate()
    assert scraped()[name] == before + 7


def test_a_slot_is_the_lowest_that_nobody_has(tmp_path: Path) -> None:
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert (first(), second(), first()) == (0, 1, 0)


def test_a_forked_process_takes_a_slot_of_its_own(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    assert slot() == 0
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(slot()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"1"
    os.close(read)
    os.close(write)


def test_a_half_written_file_is_discarded(tmp_path: Path) -> None:
    broken = tmp_path / "counter_0.db"
    broken.write_bytes(b"\xff\x00\x00\x00" + b"\x07" * 60)
    whole = tmp_path / "counter_1.db"
    whole.write_bytes(b"")
    assert Slot(tmp_path)() == 0
    assert (broken.exists(), whole.exists()) == (False, True)


def test_counting_needs_no_query(committed_db: None, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0, connection=connection):  # type: ignore[operator] # a fixture
        Client().get("/health/live")


# --- What it knows without the database


def test_each_part_of_readiness_is_told(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"database", "broker", "ledger", "gate", "journal"}
    monkeypatch.setattr(health, "readiness", Readiness(health.readiness.checks))
    assert {part: scraped()[f"vigil_ready,part={part}"] for part in parts} == dict.fromkeys(
        parts, 1
    )
    monkeypatch.setattr(health, "readiness", Readiness(health.readiness.checks))
    with pointed_at("vigil_no_such_database"):
        found = scraped()
    assert found["vigil_ready,part=database"] == 0
    assert found["vigil_ready,part=journal"] == 1
    assert 0 < found["vigil_journal_disk_free_ratio"] <= 1


def test_failures_are_counted_by_their_code(committed_db: None) -> None:
    name = "vigil_failures_total,error_code=NOT_AUTHENTICATED"
    before = scraped().get(name, 0)
    with_secret("wrong").get("incidents/")
    assert scraped()[name] == before + 1


def test_an_incident_past_a_deadline_is_counted(committed_cast: Cast) -> None:
    incident = opened(committed_cast, "P1")
    assert scraped()["vigil_incidents_breached,severity=P1"] == 0

    def let_pass() -> None:
        incident.next_target_at = timezone.now() - timedelta(minutes=1)
        incident.save(update_fields=["next_target_at"])

    recorded(let_pass)
    assert scraped()["vigil_incidents_breached,severity=P1"] == 1


def test_a_latch_is_told_here_and_everywhere(committed_db: None) -> None:
    found = scraped()
    assert (found["vigil_gate_latched"], found["vigil_gate_latched_here"]) == (0, 0)
    latch.close("a test", {})
    assert scraped()["vigil_gate_latched_here"] == 1
    record_latch()
    assert scraped()["vigil_gate_latched"] == 1


def test_the_watchdog_that_looks_here_is_told(
    committed_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(type(settings.VAR), "watchdog", tmp_path / "watchdog.json")
    assert "vigil_watchdog_beat_age_seconds" not in scraped()
    bad = Probe("web", lambda: Finding(State.FAILING))
    Watchdog(probes=[bad], state_file=tmp_path / "watchdog.json").beat()
    found = scraped()
    assert 0 <= found["vigil_watchdog_beat_age_seconds"] < 60
    assert found["vigil_watchdog_failing,probe=web"] == 1


def test_queues_and_memory_are_told(committed_db: None) -> None:
    # A connection of its own: those in the pool may be to the broker of another test.
    with app.connection() as connected:
        connected.default_channel.queue_purge("celery")  # what other tests left there
        assert scraped()["vigil_queue_depth,queue=celery"] == 0
        app.send_task("of.nobody", connection=connected)
        found = scraped()
        assert found["vigil_queue_depth,queue=celery"] == 1
        connected.default_channel.queue_purge("celery")
    assert found["vigil_memory_bytes"] > 10_000_000
