"""An export is asked for on record, and released on record, or not at all."""

import hashlib
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.event_filters import EventFilter
from audit.evidence import export
from audit.evidence.actions import EXPORT, EXPORT_BY_CLIENT
from audit.evidence.export import record_export
from audit.evidence.selection import Selection
from audit.models import ApiToken, Event, User
from audit.principal import Principal, client, person, system
from audit.rows import row_save
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from tests.audit.evidence.exporting import SERVICES, last_events, pack
from tests.audit.test_gate import Broken, voting
from tests.database import as_superuser
from tests.entries import noted
from tests.people import TESTS, Cast


def test_asking_and_release_are_on_record(ledger: Cast) -> None:
    exported = pack(ledger.principal("auditor"))
    with exported.file:
        content = exported.file.read()
    asked, released = last_events(2)
    assert (asked["event"], released["event"]) == (
        "evidence_export_requested",
        "evidence_exported",
    )
    assert asked["id"] == exported.number
    assert asked["target"] == released["target"] == f"audit.evidence:{exported.number}"
    assert asked["action"] == released["action"] == "audit:evidence:export"
    assert noted(asked) == {
        "form": "pack",
        "reason": "yearly audit",
        "selection": {"event": "service_added"},
    }
    assert noted(released) == {
        "form": "pack",
        "events": 5,
        "pending": 0,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_the_request_is_committed_before_anything_is_read(
    committed_ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(self: Selection, *, before: int) -> list[int]:
        assert not connection.in_atomic_block
        with as_superuser() as other:
            seen.append(other.execute("SELECT event FROM audit_event WHERE id = %s", [before]))
            seen[0] = seen[0].fetchone()
        raise Conflict

    monkeypatch.setattr(Selection, "ids", look)
    with pytest.raises(Conflict):
        pack(committed_ledger.principal("auditor"))
    assert seen == [("evidence_export_requested",)]


@pytest.mark.parametrize("name", ["responder", "commander", "outsider"])
def test_who_may_not_read_the_record_may_not_export_it(cast: Cast, name: str) -> None:
    with pytest.raises(GovernanceDenied):
        pack(cast.principal(name))
    with pytest.raises(GovernanceDenied):
        record_export(selection=Selection(), by=cast.principal(name))
    assert [event["event"] for event in last_events(2)] == ["governance_denied"] * 2


def test_with_a_broken_gate_nothing_is_exported(
    ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    voting(monkeypatch, Broken(RuntimeError("boom")))
    with pytest.raises(GovernanceFailure):
        pack(ledger.principal("auditor"))
    assert last_events(1)[0]["event"] == "governance_failure"


def test_without_the_ledger_nothing_is_read(
    committed_ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    monkeypatch.setattr(Selection, "ids", lambda *_args, **_kwargs: pytest.fail("was read"))
    with pytest.raises(AuditUnavailable):
        pack(committed_ledger.principal("auditor"))


def breaking(monkeypatch: pytest.MonkeyPatch, statement: str) -> list[Any]:
    """Runs the statement when the pack is made and not released yet; its file is in the list."""
    files: list[Any] = []
    real = export.sha256_of

    def hold(file: Any) -> tuple[str, int]:
        files.append(file)
        with as_superuser() as superuser:
            superuser.execute(statement)
        return real(file)

    monkeypatch.setattr(export, "sha256_of", hold)
    return files


def test_a_ledger_that_breaks_midway_releases_nothing(
    committed_ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = breaking(monkeypatch, "REVOKE INSERT ON audit_event FROM vigil_app")
    with pytest.raises(AuditUnavailable):
        pack(committed_ledger.principal("auditor"))
    assert files[0].closed
    assert last_events(1)[0]["event"] == "evidence_export_requested"


def test_a_right_that_is_taken_away_midway_releases_nothing(
    ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export.sha256_of
    auditor = ledger.auditor

    def revoke(file: Any) -> tuple[str, int]:
        row_save(instance=auditor, related=auditor.groups.clear, by=TESTS)
        for cached in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
            auditor.__dict__.pop(cached, None)
        return real(file)

    monkeypatch.setattr(export, "sha256_of", revoke)
    with pytest.raises(GovernanceDenied):
        pack(person(auditor))
    assert "evidence_exported" not in {event["event"] for event in last_events(5)}


def test_a_failure_is_on_record_as_one(ledger: Cast) -> None:
    nothing = Selection(EventFilter(target="nothing"))
    with pytest.raises(ValidationFailed, match="matches no event"):
        pack(ledger.principal("auditor"), nothing)
    asked, failed = last_events(2)
    assert (failed["event"], failed["target"]) == ("evidence_export_failed", asked["target"])
    assert "matches no event" in failed["data"]["error"]


def test_an_unforeseen_failure_gives_nothing_away(
    ledger: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(export, "write_pack", broken)
    with pytest.raises(RuntimeError):
        pack(ledger.principal("auditor"))
    assert noted(last_events(1)[0]) == {"error": "RuntimeError"}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_a_pack_needs_a_reason(ledger: Cast, reason: str) -> None:
    count = Event.objects.count()
    with pytest.raises(ValidationFailed, match="reason"):
        pack(ledger.principal("auditor"), reason=reason)
    assert Event.objects.count() == count


def test_as_a_list_each_line_is_what_is_hashed(ledger: Cast) -> None:
    exported = record_export(selection=SERVICES, by=ledger.principal("auditor"))
    with exported.file:
        lines = exported.file.read().splitlines()
    events = Event.objects.filter(event="service_added").order_by("pk")
    assert [hashlib.sha256(b"\0" + line).digest() for line in lines] == [
        bytes(event.leaf_hash) for event in events
    ]
    asked, released = last_events(2)
    assert asked["data"]["form"] == released["data"]["form"] == "ndjson"
    assert released["data"]["events"] == 5


def token(user: User | None, *scopes: str) -> Principal:
    issued_at = timezone.now()
    return client(ApiToken(name="ci", user=user, scopes=list(scopes), second_factor_at=issued_at))


def test_tokens_export_as_they_read(ledger: Cast) -> None:
    for by, action in [
        (token(None, "audit:read"), EXPORT_BY_CLIENT.name),
        (token(ledger.auditor, "audit:read"), EXPORT.name),
        (system("export_evidence"), EXPORT.name),
    ]:
        pack(by).file.close()
        assert last_events(1)[0]["action"] == action


def test_a_token_never_does_more_than_its_person(ledger: Cast) -> None:
    for by in (
        token(ledger.responder, "audit:read"),
        token(ledger.auditor, "incidents:read"),
        token(None, "incidents:read"),
    ):
        with pytest.raises(GovernanceDenied):
            pack(by)
