"""What a person and a program are told while the database is away, and how little that costs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test import Client

from portal.lib.resilience.breaker import OPEN, circuit
from portal.lib.resilience.clock import now
from tests.people import Cast


@pytest.fixture
def signed_in(committed_cast: Cast) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(committed_cast.commander)
    return client


@pytest.fixture
def _away(tmp_path: Path, signed_in: Client) -> Iterator[None]:
    """Nothing listens where the database was."""
    configured = connections.settings["default"]
    host = configured["HOST"]
    connection.close()
    configured["HOST"] = str(tmp_path)
    yield
    connection.close()
    configured["HOST"] = host


@pytest.mark.usefixtures("_away")
class TestAway:
    def test_a_person_gets_a_calm_page_that_comes_back_by_itself(self, signed_in: Client) -> None:
        response = signed_in.get("/")
        assert response.status_code == 503
        assert response["Retry-After"] == "30"
        text = response.content.decode()
        assert "The database does not answer" in text
        assert '<meta http-equiv="refresh" content="30">' in text
        assert "Traceback" not in text

    def test_a_form_is_not_sent_again_by_itself(self, signed_in: Client) -> None:
        response = signed_in.post("/governance/", {"do": "release"})
        assert response.status_code == 503
        assert "refresh" not in response.content.decode()
        assert "What you sent was not done" in response.content.decode()

    @pytest.mark.parametrize("path", ["/api/v1/incidents/", "/api/v1/alerts/"])
    def test_a_program_gets_the_envelope(self, path: str) -> None:
        client = Client(raise_request_exception=False)
        response = client.post(
            path, {}, "application/json", headers={"Authorization": f"Bearer vgl_{'x' * 43}"}
        )
        assert response.status_code == 503
        assert response["Retry-After"] == "30"
        body = response.json()
        assert (body["status"], body["error_code"], body["retry_after"]) == (
            "unavailable",
            "DB_UNAVAILABLE",
            30,
        )
        assert len(body["trace_id"]) == 32

    def test_after_five_failures_the_answer_comes_without_asking(
        self, signed_in: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(5):
            assert signed_in.get("/").status_code == 503
        breaker = circuit("database")
        assert breaker is not None
        assert breaker.state == OPEN
        monkeypatch.setattr("portal.database.connection.Connection.connect", None)
        assert signed_in.get("/").status_code == 503

    def test_readiness_names_it_and_life_goes_on(self) -> None:
        client = Client()
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"]["status"] == "failing"


def test_back_again_everything_goes_on_by_itself(
    signed_in: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = connections.settings["default"]
    host = configured["HOST"]
    connection.close()
    configured["HOST"] = str(tmp_path)
    for _ in range(5):
        signed_in.get("/")
    configured["HOST"] = host
    connection.close()
    assert signed_in.get("/").status_code == 503
    later = now() + 30
    monkeypatch.setattr("portal.lib.resilience.clock.now", lambda: later)
    assert signed_in.get("/").status_code == 200
