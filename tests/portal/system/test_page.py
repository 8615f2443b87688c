"""The page for whoever is on call: what works, what does not, and the button that closes a breaker."""

import json
import socket
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from kombu import Connection

from audit.gate import latch
from audit.models import Event
from incidents.models import AlertReceipt
from portal import queues
from portal.celery import app
from portal.lib.errors import ApiTimeout
from portal.lib.resilience import call, latency, policies
from portal.lib.resilience.breaker import CLOSED, OPEN, Circuit, circuit
from portal.stack.layout import Layout
from portal.watchdog import Finding, Probe, State, Watchdog
from tests.incidents.api.calling import issued, with_secret
from tests.people import Cast

PAGE, CLOSE = "/system/", "/system/breakers/pagerduty/close/"


@pytest.fixture
def operator(committed_cast: Cast, client: Client) -> Client:
    client.force_login(committed_cast.administrator)
    return client


@pytest.fixture(autouse=True)
def _own_var(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR = Layout(tmp_path)
    # However full the machine that runs the tests.
    monkeypatch.setattr("portal.system.findings.memory_used", lambda: 0.5)
    settings.EMERGENCY_PAGERDUTY_KEY = "k" * 32


@pytest.fixture
def tripped(fake_clock: Any) -> Circuit:
    def fail(_timeout: float) -> None:
        raise ConnectionRefusedError("refused")

    with pytest.raises(ApiTimeout):
        call("pagerduty", fail)
    found = circuit("pagerduty")
    assert found is not None
    assert found.state == OPEN
    return found


def beat(settings: Any, *probes: Probe) -> None:
    Watchdog(probes=probes, state_file=settings.VAR.watchdog).beat()


def text(client: Client, path: str = PAGE) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_when_all_is_well_it_says_so(operator: Client, settings: Any) -> None:
    beat(settings)
    shown = text(operator)
    assert "everything" in shown
    assert "Nothing. Everything that looks finds all well." in shown
    assert "off</span>" not in shown


def test_a_watchdog_that_stopped_turns_paging_off(operator: Client, settings: Any) -> None:
    beat(settings)
    settings.VAR.watchdog.write_text(
        settings.VAR.watchdog.read_text().replace(
            datetime.now(UTC).strftime("%Y-%m-%dT%H"),
            (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y-%m-%dT%H"),
        )
    )
    shown = text(operator)
    assert "It needs the watchdog." in shown
    assert "nobody is paged past the database" in shown


def test_what_the_watchdog_sees_is_told_with_what_to_do(operator: Client, settings: Any) -> None:
    beat(settings, Probe("disk", lambda: Finding(State.FAILING, "3% of the disk is free")))
    shown = text(operator)
    assert "3% of the disk is free" in shown
    assert "Make room on the disk named here" in shown
    assert "Little room is left" in shown


def test_what_answers_no_more_is_gone_however_well_it_did_before(
    operator: Client, settings: Any
) -> None:
    def fail(_timeout: float) -> None:
        raise ConnectionRefusedError("refused")

    beat(settings)
    for _ in range(60):
        call("witnesses", lambda _timeout: None)
    with suppress(ApiTimeout):
        call("witnesses", fail)
    assert "without the cosignatures of the witnesses" not in text(operator)
    with suppress(ApiTimeout):
        call("witnesses", fail)
    shown = text(operator)
    assert "the last 2 calls were not answered" in shown
    assert "without the cosignatures of the witnesses" in shown


def test_a_missed_beat_is_told(operator: Client, settings: Any) -> None:
    dog = Watchdog(probes=(), state_file=settings.VAR.watchdog)
    dog.beat()
    dog._beat_at = datetime.now(UTC) - timedelta(seconds=60)
    report = dog.beat()
    assert report.missed_at is not None
    assert 50 < (datetime.now(UTC) - report.missed_at).total_seconds() < 60
    assert "last missed" in text(operator)
    # Another one that starts later still knows.
    assert Watchdog(probes=(), state_file=settings.VAR.watchdog).beat().missed_at


def test_a_silent_process_is_told_with_when_and_what_to_do(operator: Client, settings: Any) -> None:
    finds = [Finding(State.FAILING, "silent for 20 s"), Finding(State.OK)]
    probe = Probe("worker", lambda: finds.pop(0))
    dog = Watchdog(probes=[probe], state_file=settings.VAR.watchdog)
    dog.beat()
    (settings.VAR.var / "paged-worker").touch()
    shown = text(operator)
    assert "silent for 20 s · on-call is paged" in shown
    assert "See whether the worker runs" in shown
    assert "incidents open once it is back" in shown
    assert "It needs the worker." in shown
    dog.beat()
    (settings.VAR.var / "paged-worker").unlink()
    shown = text(operator)
    assert "on-call is paged" not in shown
    assert shown.count("last missed") == 1, "it is still told when it was missed last"


def test_a_page_that_was_not_taken_is_told(operator: Client, settings: Any) -> None:
    beat(settings)
    report = json.loads(settings.VAR.watchdog.read_text())
    settings.VAR.watchdog.write_text(json.dumps({**report, "unpaged": "HTTP 500"}))
    assert "It needs a way to page on-call in an emergency." in text(operator)


def test_the_objective_of_each_service_is_told(
    operator: Client, settings: Any, tripped: Circuit
) -> None:
    beat(settings)
    assert "objective missed" in text(operator)


def test_it_is_brought_up_to_date_without_the_rest(operator: Client, settings: Any) -> None:
    beat(settings)
    shown = operator.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert shown.startswith("<section")
    assert "What Vigil calls" not in shown


def test_an_open_breaker_is_shown_with_its_history(
    operator: Client, settings: Any, tripped: Circuit
) -> None:
    beat(settings)
    shown = text(operator)
    assert "its breaker is open" in shown
    assert "closed → open" in shown
    assert "refused" in shown
    assert "0 of 4 answered" in shown
    assert "Close by force…" in shown


def test_the_figures_cost_the_same_however_much_there_is(operator: Client, settings: Any) -> None:
    beat(settings)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(operator)
        return len(queries)

    text(operator)
    few = cost()
    caller = with_secret(issued("alerts:write"))
    for number in range(5):
        caller.post("alerts/", {"summary": f"Disk {number} full"})
    assert AlertReceipt.objects.count() == 5
    assert cost() == few


def test_who_may_only_see_it_finds_no_button(
    committed_cast: Cast, client: Client, settings: Any, tripped: Circuit
) -> None:
    client.force_login(committed_cast.responder)
    assert "Close by force…" not in text(client)
    assert client.post(CLOSE, {"reason": "try"}).status_code == 403
    assert tripped.state == OPEN


def test_an_outsider_sees_nothing(committed_cast: Cast, client: Client) -> None:
    client.force_login(committed_cast.outsider)
    assert client.get(PAGE).status_code == 403
    assert client.get(CLOSE).status_code == 403


def test_a_visitor_is_asked_to_sign_in(committed_db: None, client: Client) -> None:
    assert client.get(PAGE).status_code == 302


def test_closing_by_force_is_on_record(operator: Client, tripped: Circuit) -> None:
    response = operator.post(CLOSE, {"reason": "The provider says it is back."})
    assert response.status_code == 302
    assert tripped.state == CLOSED
    event = Event.objects.get(action="portal:breaker:close")
    assert event.event == "breaker_closed"
    assert event.target == "portal.breaker:pagerduty"
    assert b"The provider says it is back." in bytes(event.entry)
    assert "administrator" in tripped.history()[0].by


def test_it_needs_a_reason(operator: Client, tripped: Circuit) -> None:
    response = operator.post(CLOSE, {"reason": "  "})
    assert response.status_code == 400
    assert "Say why it should be tried again now." in response.content.decode()
    assert tripped.state == OPEN


def test_with_the_gate_latched_it_stays_open(operator: Client, tripped: Circuit) -> None:
    latch.close("broken", {})
    assert operator.post(CLOSE, {"reason": "try"}).status_code == 403
    assert tripped.state == OPEN


def test_without_a_record_it_stays_open(operator: Client, tripped: Circuit) -> None:
    from tests.database import as_superuser  # noqa: PLC0415

    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    assert operator.post(CLOSE, {"reason": "try"}).status_code == 503
    assert tripped.state == OPEN


@pytest.mark.parametrize(
    ("name", "status"),
    [("database", 409), ("witnesses", 409), ("nothing", 404), ("pagerduty", 200)],
)
def test_what_no_person_can_close_is_not_offered(operator: Client, name: str, status: int) -> None:
    assert operator.get(f"/system/breakers/{name}/close/").status_code == status


def test_one_that_is_closed_is_a_conflict(operator: Client) -> None:
    assert operator.post(CLOSE, {"reason": "try"}).status_code == 409


def test_metrics_tell_the_state(committed_db: None, client: Client, tripped: Circuit) -> None:
    shown = client.get("/metrics").content.decode()
    assert 'vigil_breaker_state{dependency="pagerduty"} 2.0' in shown
    assert 'vigil_breaker_state{dependency="database"} 0.0' in shown
    assert 'vigil_outbound_seconds_count{dependency="pagerduty",outcome="failed"}' in shown


def test_the_command_lists_without_a_database(
    tripped: Circuit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pytest keeps the database shut for this test."""
    call_command("breaker", "list")
    shown = capsys.readouterr().out
    assert "pagerduty" in shown
    assert "open, tried again in 30 s" in shown


def test_the_command_closes_for_a_person(
    committed_cast: Cast, tripped: Circuit, capsys: pytest.CaptureFixture[str]
) -> None:
    as_admin = ("--as", "administrator", "--reason", "back")
    call_command("breaker", "close", "pagerduty", *as_admin)
    assert tripped.state == CLOSED
    for arguments, code in (
        (("pagerduty", *as_admin), 1),
        (("nothing", *as_admin), 2),
        (("pagerduty", "--as", "nobody", "--reason", "x"), 2),
        (("pagerduty", "--as", "responder", "--reason", "x"), 1),
    ):
        with pytest.raises(CommandError) as refused:
            call_command("breaker", "close", *arguments)
        assert refused.value.returncode == code


def test_a_broker_that_hangs_leaves_the_page_with_the_last_depths_marked_as_stale(
    operator: Client,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    table: dict[str, policies.Policy],
) -> None:
    beat(settings)
    # Of the whole process: other tests may have left tasks in it.
    app.control.purge()
    monkeypatch.setattr(queues, "_last", {})
    quick = table["broker"]
    # However busy the machine that runs the tests.
    table["broker"] = replace(quick, timeouts=(30.0,))
    assert "0 in celery" in text(operator)
    assert "stale" not in text(operator)
    table["broker"] = quick
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        hanging = SimpleNamespace(
            conf=SimpleNamespace(broker_url=url),
            amqp=queues.app.amqp,
            connection=lambda **options: Connection(url, **options),
        )
        monkeypatch.setattr(queues, "app", hanging)
        shown = text(operator)
        assert "0 in celery" in shown
        assert "the broker cannot be asked" in shown
        monkeypatch.setattr(queues, "_last", {})
        assert "Tasks in the broker</dt> <dd> not known" in text(operator)


def test_what_a_process_counts_alone_is_shown_as_its_own(
    operator: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "_own", {})
    beat(settings)
    text(operator)
    shown = text(operator)
    assert "answered here, 99.9 % wanted" in shown
    assert "Not called by this process in the last hour; 99 % wanted." in shown
