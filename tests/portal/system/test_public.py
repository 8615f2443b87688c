"""What is left of the page without the database, and what anybody may see of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.gate import latch
from portal.stack.layout import Layout
from portal.system.runbook import RUNBOOK
from portal.watchdog import Finding, Probe, State, Watchdog
from tests.people import Cast

PAGE = "/health/system"
SECRET = "connection to db7.internal as vigil_app in /srv/vigil failed"


@pytest.fixture(autouse=True)
def _own_var(tmp_path: Path, settings: Any) -> None:
    settings.VAR = Layout(tmp_path)
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.EMERGENCY_PAGERDUTY_KEY = "k" * 32


@pytest.fixture
def signed_in(committed_cast: Cast) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(committed_cast.commander)
    return client


@pytest.fixture
def _away(tmp_path: Path, signed_in: Client) -> Iterator[None]:
    configured = connections.settings["default"]
    host = configured["HOST"]
    connection.close()
    configured["HOST"] = str(tmp_path)
    yield
    connection.close()
    configured["HOST"] = host


def shown(client: Client) -> str:
    response = client.get(PAGE)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    return " ".join(response.content.decode().split())


def broken(settings: Any) -> None:
    probes = [
        Probe("database", lambda: Finding(State.FAILING, SECRET)),
        Probe("worker", lambda: Finding(State.FAILING, SECRET)),
    ]
    Watchdog(probes=probes, state_file=settings.VAR.watchdog).beat()


@pytest.mark.usefixtures("_away")
class TestAway:
    def test_who_looks_after_the_system_is_sent_to_it(self, signed_in: Client) -> None:
        response = signed_in.get("/system/")
        assert (response.status_code, response["Location"]) == (302, PAGE)

    def test_it_works_for_a_browser_that_brings_its_session_along(
        self, signed_in: Client, settings: Any
    ) -> None:
        broken(settings)
        text = shown(signed_in)
        assert "Not everything works" in text
        assert RUNBOOK["database"].text.split(".")[0] in text
        assert "It needs the database." in text

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
    def test_no_session_costs_a_health_check_anything(self, signed_in: Client, path: str) -> None:
        assert signed_in.get(path).status_code == (503 if path == "/health/ready" else 200)

    def test_another_page_links_to_it(self, signed_in: Client) -> None:
        assert f'href="{PAGE}"' in signed_in.get("/").content.decode()

    def test_the_command_tells_every_detail(
        self, settings: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broken(settings)
        with pytest.raises(SystemExit) as ended:
            call_command("system")
        assert ended.value.code == 1
        text = capsys.readouterr().out
        assert SECRET in text
        assert RUNBOOK["worker"].text in text
        assert "off       Background work" in text


def test_anybody_sees_what_fails_and_no_detail(
    committed_db: None, client: Client, settings: Any
) -> None:
    broken(settings)
    latch.close(SECRET, {})
    text = shown(client)
    assert "The worker" in text
    assert SECRET not in text
    assert "internal" not in text


def test_nobody_learns_here_whether_anybody_can_be_paged(
    committed_db: None, client: Client, settings: Any
) -> None:
    Watchdog(probes=(), state_file=settings.VAR.watchdog).beat()
    before = shown(client)
    settings.EMERGENCY_PAGERDUTY_KEY = ""
    assert shown(client) == before
    assert "Paging" not in before


def test_it_asks_no_more_of_the_database_whoever_asks(signed_in: Client, settings: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        shown(signed_in)
    assert [q["sql"] for q in queries] == []


def test_who_only_waits_for_the_database_is_nobody_to_look_for(
    committed_db: None, client: Client, settings: Any
) -> None:
    probes = [
        Probe("database", lambda: Finding(State.FAILING)),
        Probe("signer", lambda: Finding(State.WARNING, "silent for want of the database")),
        Probe("beat", lambda: Finding(State.FAILING)),
    ]
    Watchdog(probes=probes, state_file=settings.VAR.watchdog).beat()
    text = shown(client)
    assert "The signer" not in text
    assert RUNBOOK["beat"].text.split(".")[0] in text


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(committed_db: None, client: Client, method: str) -> None:
    assert getattr(client, method)(PAGE).status_code == 405


def test_the_command_says_when_all_is_well(
    committed_db: None,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("portal.system.findings._from_readiness", lambda: iter(()))
    Watchdog(probes=(), state_file=settings.VAR.watchdog).beat()
    call_command("system")
    assert "off " not in capsys.readouterr().out
