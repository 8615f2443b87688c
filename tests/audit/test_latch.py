"""Once the gate is known to be wrong, everything is blocked until a person opens it again."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.gate import latch, vectors
from audit.gate.axioms import AXIOMS, PINNED, AxiomsVoter
from audit.gate.permissions import PermissionsVoter
from audit.gate.policy import PolicyVoter
from audit.gate.types import Verdict
from audit.latches import gate_release, latch_review, record_latch, verification
from audit.models import Event, GateLatch
from audit.principal import Principal
from audit.rows import row_save
from incidents.models import Incident, Service
from portal.lib.errors import Conflict, GovernanceDenied, GovernanceFailure
from tests.audit.test_gate import Broken, ask, voting
from tests.people import TESTS, Cast


@pytest.fixture
def tampered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The axioms on disk are no longer those that were shipped."""
    edited = tmp_path / "axioms.cedar"
    edited.write_bytes(AXIOMS.read_bytes().replace(b"forbid", b"permit"))
    voting(monkeypatch, AxiomsVoter(edited, PINNED), PermissionsVoter(), PolicyVoter())


def add(slug: str = "x", by: Principal = TESTS) -> None:
    row_save(instance=Service(slug=slug, name=slug), by=by)


def healed(monkeypatch: pytest.MonkeyPatch) -> None:
    voting(monkeypatch, AxiomsVoter(), PermissionsVoter(), PolicyVoter())


def test_rules_that_are_not_the_pinned_ones_close_the_gate(
    committed_cast: Cast, tampered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GovernanceFailure):
        add()
    healed(monkeypatch)
    with pytest.raises(GovernanceFailure):
        add()
    assert not Service.objects.exists()


def test_a_wrong_vector_closes_the_gate(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "failures", lambda: ["the worker opens: answered deny"])
    voting(monkeypatch, Broken(RuntimeError()))
    with pytest.raises(GovernanceFailure):
        add()
    closed = latch.closed()
    assert closed is not None
    assert closed.reason == "the worker opens: answered deny"
    assert closed.evidence["stack"]


def test_one_crafted_request_cannot_close_it(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    voting(monkeypatch, AxiomsVoter(), Broken(RuntimeError()))
    with pytest.raises(GovernanceFailure):
        add()
    assert latch.closed() is None
    healed(monkeypatch)
    add()


def test_the_latch_is_on_record_once_and_opens_a_p0(committed_cast: Cast) -> None:
    latch.close("told so by the watchdog", {})
    for _ in range(3):
        with pytest.raises(GovernanceFailure):
            add()
    assert GateLatch.objects.count() == 1
    assert Event.objects.filter(event="governance_latched").count() == 1
    assert Event.objects.filter(event="governance_failure").count() == 3
    incident = Incident.objects.get()
    assert (incident.severity, incident.state) == ("P0", "detected")
    assert "gate" in incident.title.lower()


def test_a_latch_of_another_machine_blocks_here_too(committed_cast: Cast) -> None:
    latch.close("elsewhere", {})
    record_latch()
    latch.path().unlink()
    assert latch.closed() is None
    with pytest.raises(GovernanceFailure):
        add()
    assert not Service.objects.exists()


def test_an_unreadable_latch_is_a_closed_one(committed_cast: Cast) -> None:
    latch.path().write_text("{")
    assert ask(TESTS, "incidents:service:add").verdict is Verdict.FAILURE


def test_a_second_reason_does_not_replace_the_first() -> None:
    first = latch.close("first", {})
    assert latch.close("second", {}).id == first.id
    assert json.loads(latch.path().read_text())["reason"] == "first"


def test_only_who_may_releases_it_for_a_reason_and_after_a_verification(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch.close("broken", {})
    row = record_latch()
    assert row is not None
    administrator = committed_cast.principal("administrator")
    with pytest.raises(GovernanceDenied):
        gate_release(row=row, by=committed_cast.principal("commander"), reason="because")
    monkeypatch.setattr(vectors, "failures", lambda: ["still wrong"])
    with pytest.raises(Conflict, match="still wrong"):
        gate_release(row=row, by=administrator, reason="because")
    monkeypatch.undo()


def test_after_the_release_it_is_open_and_reviewed(committed_cast: Cast) -> None:
    latch.close("broken", {})
    row = record_latch()
    assert row is not None
    administrator = committed_cast.principal("administrator")
    with pytest.raises(GovernanceFailure):
        latch_review(row=row, by=administrator, review="too early")
    gate_release(row=row, by=administrator, reason="The file was restored from the release.")
    add()
    assert latch.closed() is None
    latch_review(row=row, by=administrator, review="A deployment copied half a file.")
    assert list(Event.objects.order_by("id").values_list("event", flat=True))[-3:] == [
        "governance_released",
        "service_added",
        "governance_reviewed",
    ]
    with pytest.raises(Conflict, match="already"):
        gate_release(row=row, by=administrator, reason="again")


def test_a_file_left_behind_by_a_release_elsewhere_goes_away(committed_cast: Cast) -> None:
    closed = latch.close("broken", {})
    row = record_latch()
    assert row is not None
    gate_release(row=row, by=committed_cast.principal("administrator"), reason="because")
    latch.path().write_text(
        json.dumps({"id": closed.id, "at": closed.at, "reason": "broken", "evidence": {}})
    )
    with pytest.raises(GovernanceFailure):
        add()
    add()


def test_the_command_says_where_it_stands_and_opens_it(
    committed_cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("governance", "status")
    assert "open" in capsys.readouterr().out
    latch.close("broken", {})
    record_latch()
    with pytest.raises(SystemExit):
        call_command("governance", "status")
    with pytest.raises(CommandError, match="roles do not include"):
        call_command("governance", "release", "--as", "commander", "--reason", "because")
    call_command("governance", "release", "--as", "administrator", "--reason", "because")
    call_command("governance", "status")


def test_the_verification_names_what_is_wrong(db: None, tampered: None) -> None:
    assert any("not the file that was shipped" in problem for problem in verification())


def test_a_late_vote_is_no_vote(cast: Cast, settings: Any) -> None:
    settings.VOTE_TIMEOUT = 0.0
    assert ask(TESTS, "incidents:service:add").verdict is Verdict.FAILURE
