"""What goes wrong while alerts are processed holds up nothing else, and loses nothing."""

import pytest

from audit.gate import engine
from audit.models import Event
from incidents import tasks
from incidents.ingest.types import NormalizedAlert
from incidents.models import AlertReceipt, Incident
from incidents.tasks import MAX_ATTEMPTS, drain_receipts
from tests.database import as_superuser
from tests.incidents.api.test_detectors import BrokenVoter
from tests.incidents.ingesting import received, settled
from tests.people import Cast

POISON = "poison"


@pytest.fixture
def _poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts with that summary cannot be read back."""
    read = NormalizedAlert.from_json

    def from_json(value: dict[str, object]) -> NormalizedAlert:
        if value["summary"] == POISON:
            raise KeyError(POISON)
        return read(value)

    monkeypatch.setattr(NormalizedAlert, "from_json", from_json)


def fates() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for receipt in AlertReceipt.objects.order_by("id"):
        found.setdefault(receipt.dedup_key, []).append(receipt.fate)
    return found


def due_again() -> None:
    AlertReceipt.objects.filter(fate="pending").update(retry_at=None)


@pytest.mark.usefixtures("_poisoned")
def test_what_cannot_be_processed_does_not_hold_up_other_alerts(cast: Cast) -> None:
    received(cast, "bad", summary=POISON)
    received(cast, "good")
    drain_receipts()
    assert fates() == {"bad": ["pending"], "good": ["opened"]}


@pytest.mark.usefixtures("_poisoned")
def test_only_the_one_at_fault_bears_it(cast: Cast) -> None:
    for summary in ("first", "second", POISON, "third"):
        received(cast, "k", summary=summary)
    for _ in range(MAX_ATTEMPTS):
        drain_receipts()
        assert fates()["k"][:2] == ["opened", "appended"]
        due_again()
    drain_receipts()
    assert fates() == {"k": ["opened", "appended", "failed", "appended"]}


@pytest.mark.usefixtures("_poisoned")
def test_what_is_given_up_is_set_aside_in_plain_sight(cast: Cast) -> None:
    receipt = received(cast, "k", summary=POISON)
    for _ in range(MAX_ATTEMPTS):
        drain_receipts()
        due_again()
    receipt.refresh_from_db()
    assert (receipt.fate, receipt.fate_detail) == ("failed", "KeyError: 'poison'")
    assert Event.objects.latest("id").event == "alert_set_aside"


@pytest.mark.usefixtures("_poisoned")
def test_a_failed_receipt_is_tried_again_later(cast: Cast) -> None:
    receipt = received(cast, "k", summary=POISON)
    drain_receipts()
    receipt.refresh_from_db()
    assert receipt.attempts == 1
    assert receipt.retry_at > receipt.received_at
    assert drain_receipts() == 0


def test_a_refusal_by_the_rules_counts_as_a_failure(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert that never fits must not be tried for ever."""
    receipt = received(cast, "k")
    monkeypatch.setattr("incidents.services.incidents.MAX_TITLE", 1)
    drain_receipts()
    receipt.refresh_from_db()
    assert (receipt.fate, receipt.attempts) == ("pending", 1)


def test_a_broken_gate_makes_alerts_wait(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = received(cast, "k")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_VOTERS", (BrokenVoter(),))
        drain_receipts()
        receipt.refresh_from_db()
        assert (receipt.fate, receipt.attempts) == ("pending", 0)
    drain_receipts()
    assert fates() == {"k": ["opened"]}


def test_a_broken_ledger_makes_alerts_wait(committed_cast: Cast) -> None:
    receipt = received(committed_cast, "k")
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
        drain_receipts()
        superuser.execute("GRANT INSERT ON audit_event TO vigil_app")
    receipt.refresh_from_db()
    assert (receipt.fate, receipt.attempts, Incident.objects.count()) == ("pending", 0, 0)
    drain_receipts()
    assert fates() == {"k": ["opened"]}


def test_a_round_without_work_leaves_no_trace(cast: Cast) -> None:
    settled(cast, "k")
    events = Event.objects.count()
    tasks._process(cast.source, "k")
    assert Event.objects.count() == events


def test_a_key_that_another_worker_is_at_is_left_to_it(committed_cast: Cast) -> None:
    received(committed_cast, "k")
    with as_superuser() as other:
        other.execute("BEGIN")
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('k', %s))", [committed_cast.source.pk]
        )
        drain_receipts()
        assert fates() == {"k": ["pending"]}
        other.execute("ROLLBACK")
    drain_receipts()
    assert fates() == {"k": ["opened"]}
    assert not AlertReceipt.objects.filter(attempts__gt=0).exists()
