"""An event that no checkpoint covers could be edited unseen: that never lasts."""

from threading import Event as Flag
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit.gate.types import Action, Request, Resource
from audit.governed import perform
from audit.latches import RELEASE
from audit.ledger import lag
from audit.ledger.sequencer import sequence_pending
from audit.ledger.signer import LedgerSigner
from audit.models import Event
from audit.policies import ACTIVATE
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import AuditUnavailable, GovernanceDenied
from tests.audit.test_ledger import publish, signer
from tests.database import as_role, as_superuser, conninfo
from tests.people import TESTS, Cast

__all__ = ["signer"]


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "LOOK_EVERY", 0.0)


def add(slug: str) -> None:
    row_save(instance=Service(slug=slug, name=slug), by=TESTS)


def make_everything_older(seconds: int) -> None:
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute(f"UPDATE audit_event SET at = at - interval '{seconds} s'")
        superuser.execute("ALTER TABLE audit_event_p0 ENABLE ALWAYS TRIGGER audit_event_append")
        superuser.execute("ALTER TABLE audit_event_p0 ENABLE ALWAYS TRIGGER audit_append_only")


@pytest.mark.parametrize("stage", ["waiting for its place", "in the log, not signed"])
def test_nothing_changes_while_an_event_is_too_long_without_a_checkpoint(
    committed_cast: Cast, signer: LedgerSigner, settings: Any, stage: str
) -> None:
    settings.MAX_CHECKPOINT_LAG = 60
    publish(signer)
    add("before")
    if stage != "waiting for its place":
        with as_role("vigil_ledger"):
            sequence_pending()
    make_everything_older(61)
    with pytest.raises(AuditUnavailable):
        add("meanwhile")
    assert not Service.objects.filter(slug="meanwhile").exists()
    publish(signer)
    add("after")
    assert Service.objects.filter(slug="after").exists()


def test_a_younger_event_holds_up_nothing(
    committed_cast: Cast, signer: LedgerSigner, settings: Any
) -> None:
    settings.MAX_CHECKPOINT_LAG = 60
    publish(signer)
    make_everything_older(3600)
    assert lag.seconds() == 0
    add("one")
    assert 0 < lag.seconds() < 60
    add("two")


def test_a_log_without_any_checkpoint_counts_from_its_first_event(committed_cast: Cast) -> None:
    make_everything_older(3600)
    assert lag.seconds() > 3600


def test_refusals_are_recorded_all_the_same(committed_cast: Cast, settings: Any) -> None:
    settings.MAX_CHECKPOINT_LAG = 60
    make_everything_older(61)
    request = Request(TESTS, Action("tests:thing:forbid", event="x"), Resource("tests.thing", "1"))
    with pytest.raises(GovernanceDenied):
        perform(request, lambda: None)
    assert Event.objects.latest("pk").event == "governance_denied"


def test_an_unreadable_log_holds_everything_up(committed_cast: Cast) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE SELECT ON audit_checkpoint FROM vigil_app")
    with pytest.raises(AuditUnavailable):
        add("one")


def test_a_change_of_the_rules_returns_once_it_is_under_a_checkpoint(
    committed_cast: Cast, signer: LedgerSigner, settings: Any
) -> None:
    settings.CHECKPOINT_WAIT = 60
    is_done = Flag()

    def keep_signing() -> None:
        try:
            while not is_done.wait(0.05):
                publish(signer)
        finally:
            connection.close()

    signing = Thread(target=keep_signing)
    signing.start()
    try:
        action = Action(
            "tests:rules:change", event="rules_changed", is_for_system=True, awaits_checkpoint=True
        )
        perform(Request(TESTS, action, Resource("tests.rules", "1")), lambda: None)
        event = Event.objects.get(event="rules_changed")
        assert lag._is_signed(event.pk)
    finally:
        is_done.set()
        signing.join()


def test_it_does_not_wait_for_ever(committed_cast: Cast, signer: LedgerSigner) -> None:
    publish(signer)
    action = Action(
        "tests:rules:change", event="rules_changed", is_for_system=True, awaits_checkpoint=True
    )
    assert perform(Request(TESTS, action, Resource("tests.rules", "1")), lambda: "done") == "done"


@pytest.mark.parametrize("action", [ACTIVATE, RELEASE], ids=lambda action: action.name)
def test_the_actions_that_change_the_rules_wait(action: Action) -> None:
    assert action.awaits_checkpoint


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("vigil_ledger", "INSERT INTO audit_checkpoint VALUES (1, sha256('x'), 'x')"),
        ("vigil_signer", "INSERT INTO audit_leaf VALUES (0, 1, sha256('x'))"),
        ("vigil_signer", "UPDATE audit_head SET size = 100"),
        ("vigil_signer", "DELETE FROM audit_pending"),
        ("vigil_signer", "INSERT INTO audit_event (id) VALUES (1)"),
        ("vigil_signer", "SELECT password FROM audit_user"),
        ("vigil_ledger", "SELECT password FROM audit_user"),
    ],
)
def test_sequencer_and_signer_cannot_do_each_others_work(
    committed_db: None, role: str, statement: str
) -> None:
    with psycopg.connect(conninfo(connection.settings_dict["NAME"])) as login:
        login.execute(f"SET SESSION AUTHORIZATION {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute(statement)
