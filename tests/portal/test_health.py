"""Whether the process lives, and whether it can do its work."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.gate import axioms, vectors
from portal import health
from portal.readiness import Failing, Readiness
from tests.database import as_superuser, pointed_at
from tests.people import Cast

PARTS = {"database", "broker", "ledger", "gate", "journal"}


@pytest.fixture(autouse=True)
def _look_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "readiness", Readiness(health.readiness.checks))


def ready() -> tuple[int, dict[str, str]]:
    """The status, and what is wrong with each part that fails."""
    response = Client().get("/health/ready")
    body = response.json()
    assert set(body["checks"]) == PARTS
    failing = {
        name: check["detail"]
        for name, check in body["checks"].items()
        if check["status"] == "failing"
    }
    assert (body["status"] == "ok") == (not failing)
    return response.status_code, failing


def test_a_process_lives_that_answers_and_asks_nobody() -> None:
    response = Client().get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["Cache-Control"] == "no-store"


def test_all_parts_work(committed_db: None) -> None:
    assert ready() == (200, {})


def test_without_the_database_the_parts_that_need_it_fail(committed_db: None) -> None:
    with pointed_at("vigil_no_such_database"):
        assert Client().get("/health/live").status_code == 200
        assert ready() == (503, {"database": "does not answer", "ledger": "does not answer"})


def test_single_parts_can_be_asked_for(committed_db: None) -> None:
    with pointed_at("vigil_no_such_database"):
        answer = Client().get("/health/ready?part=gate&part=journal")
        assert answer.status_code == 200
        assert set(answer.json()["checks"]) == {"gate", "journal"}
        assert set(Client().get("/health/ready?part=database").json()["checks"]) == {"database"}


def test_a_part_that_is_none_is_said_to_be(committed_db: None) -> None:
    answer = Client().get("/health/ready?part=engine")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "part"
    assert "database, broker" in answer.json()["errors"][0]["message"]


def test_what_is_told_of_a_failure_names_no_host_and_no_user(committed_db: None) -> None:
    with pointed_at("vigil_no_such_database"):
        text = Client().get("/health/ready").content.decode()
    assert "vigil_no_such_database" not in text


def test_not_ready_is_the_envelope(committed_db: None) -> None:
    with pointed_at("vigil_no_such_database"):
        response = Client().get("/health/ready")
    body = response.json()
    assert (body["status"], body["error_code"]) == ("unavailable", "NOT_READY")
    assert body["message"] == "Not ready: database, ledger."
    assert response.headers["Retry-After"] == "5"


def test_a_ledger_that_takes_nothing_fails(committed_db: None) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    assert ready() == (503, {"ledger": "no entry can be added"})


def test_a_ledger_that_lags_fails(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    assert ready() == (200, {})
    settings.MAX_CHECKPOINT_LAG = 0
    monkeypatch.setattr(health.readiness, "_looked_at", float("-inf"))
    status, failing = ready()
    assert (status, "has waited" in failing["ledger"]) == (503, True)


def test_a_broker_that_is_gone_fails(committed_db: None, settings: object, tmp_path: Path) -> None:
    settings.CELERY_BROKER_URL = f"redis+socket://{tmp_path}/gone"  # type: ignore[attr-defined] # its proxy
    assert ready() == (503, {"broker": "does not answer"})


def test_axioms_that_were_touched_fail(
    committed_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    touched = tmp_path / "axioms.cedar"
    touched.write_text(axioms.AXIOMS.read_text() + "\n")
    monkeypatch.setattr(vectors, "AxiomsVoter", lambda: axioms.AxiomsVoter(touched))
    assert ready() == (503, {"gate": "known questions are answered wrongly"})


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_health_is_only_read(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path, headers={"Accept": "application/json"})
    assert response.status_code == 405
    assert json.loads(response.content)["error_code"] == "METHOD_NOT_ALLOWED"


# --- Looking at parts that cannot be trusted to end


@pytest.fixture
def hanging() -> Iterator[Callable[[], None]]:
    release = threading.Event()
    yield lambda: release.wait(20) and None
    release.set()


def test_a_part_that_hangs_fails_in_time(hanging: Callable[[], None]) -> None:
    begun = time.monotonic()
    looking = Readiness({"hangs": hanging, "works": lambda: None}, timeout=0.1)
    assert looking.findings() == {"hangs": "no answer within 0.1 s", "works": ""}
    assert time.monotonic() - begun < 1


def test_a_part_that_hangs_is_not_looked_at_twice_at_once(
    hanging: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.readiness.SHARED_FOR", -1)
    looks = []
    looking = Readiness({"hangs": lambda: (looks.append(1), hanging())[1]}, timeout=0.05)
    for _ in range(3):
        assert looking.findings()["hangs"].startswith("no answer")
    assert len(looks) == 1


def test_who_asks_at_the_same_time_shares_one_look() -> None:
    looks = []
    looking = Readiness({"slow": lambda: (looks.append(1), time.sleep(0.05))[1]})
    threads = [threading.Thread(target=looking.findings) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1


def test_a_finding_says_what_the_part_says_and_nothing_of_exceptions() -> None:
    def fails() -> None:
        raise Failing("it is full")

    def breaks() -> None:
        raise RuntimeError("secret")

    findings = Readiness({"a": fails, "b": breaks}).findings()
    assert findings == {"a": "it is full", "b": "does not answer"}
