"""What keeps a replica from being promoted, and what a person may overrule."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections

from audit.gate import engine, latch
from audit.ledger import keys, lag
from audit.ledger.signer import LedgerSigner
from audit.models import Checkpoint, Event
from audit.proofs.errors import ProofError
from portal.failover import checklist, known, promote
from portal.failover.checklist import Check
from portal.failover.known import Known
from portal.lib.errors import GovernanceDenied, GovernanceFailure
from portal.stack.layout import Layout
from tests.audit.test_ledger import add_services, publish
from tests.people import Cast


@pytest.fixture
def signer(committed_cast: Cast, tmp_path: Path, settings: Any) -> LedgerSigner:
    settings.SIGNER_KEY = tmp_path / "signer"
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.VAR = Layout(tmp_path)
    signer = LedgerSigner(keys.ensure_signer_key(settings.SIGNER_KEY), tmp_path / "signer.state")
    add_services(5)
    publish(signer)
    return signer


def judged(*trees: Known) -> Check:
    *_, last = checklist.ledger(list(trees))
    return last


def newest() -> Known:
    found = Checkpoint.objects.order_by("-size").first()
    return Known(found.size, bytes(found.root), "web")


def test_a_signed_tree_that_is_all_there_is_no_loss(signer: LedgerSigner) -> None:
    before = newest()
    publish(signer)
    assert judged(before).is_met


def test_a_signed_entry_that_would_be_lost_is_refused_but_a_person_may_decide(
    signer: LedgerSigner,
) -> None:
    found = newest()
    lost = judged(Known(found.size + 1, b"x" * 32, "the signer's memory"))
    assert (lost.is_met, lost.may_be_forced) == (False, True)
    assert "the signer's memory" in lost.title


def test_another_log_is_refused_for_good(signer: LedgerSigner) -> None:
    found = newest()
    other = judged(Known(found.size, b"x" * 32, "web"))
    assert (other.is_met, other.may_be_forced) == (False, False)


def test_where_no_checkpoint_is_known_a_person_decides(signer: LedgerSigner) -> None:
    none = judged()
    assert (none.is_met, none.may_be_forced) == (False, True)


def test_what_is_known_is_kept_by_web_remembered_by_the_signer_or_given(
    signer: LedgerSigner, tmp_path: Path
) -> None:
    assert len(list(known.known())) == 1
    known.keep()
    given = tmp_path / "given"
    given.write_text(known.path().read_text())
    found = list(known.known(given))
    assert len(found) == 3
    assert {(each.size, each.root) for each in found} == {(newest().size, newest().root)}


def test_a_file_that_is_no_checkpoint_of_this_log_stops_it(
    signer: LedgerSigner, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.write_text("example.org/ledger\n5\nAAAA\n\n— nobody AAAA\n")
    with pytest.raises(ProofError):
        list(known.known(given))


def test_a_primary_that_answers_is_never_overruled(committed_cast: Cast) -> None:
    found = checklist.primary()
    assert (found.is_met, found.may_be_forced) == (False, False)
    assert "takes writes" in found.detail


def test_one_that_refuses_to_talk_lives_all_the_same(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = connections.settings["default"]["NAME"]
    connections.settings["default"]["NAME"] = "no-such-database"
    try:
        connections["default"].close()
        found = checklist.primary()
    finally:
        connections.settings["default"]["NAME"] = name
    assert not found.is_met
    assert "FATAL" in found.detail


def test_one_that_cannot_be_reached_is_away(committed_cast: Cast, tmp_path: Path) -> None:
    configured = connections.settings["default"]
    host = configured["HOST"]
    connections["default"].close()
    configured["HOST"] = str(tmp_path)
    try:
        assert checklist.primary().is_met
    finally:
        configured["HOST"] = host


@pytest.fixture
def replica_settings(committed_cast: Cast) -> Iterator[None]:
    connections.settings["replica"] = {**connections.settings["default"], "HOST": "db2"}
    yield
    del connections.settings["replica"]


def recorded(cast: Cast, name: str = "administrator") -> None:
    promote.database_failed_over(
        database=promote.resource(),
        by=cast.principal(name),
        reason="the machine burnt down",
        forced="",
        findings=promote.Findings(("[ok] all",), "verified"),
    )


@pytest.mark.usefixtures("replica_settings")
class TestOnRecord:
    def test_it_is_an_event_by_the_operator_with_the_checklist(self, committed_cast: Cast) -> None:
        recorded(committed_cast)
        event = Event.objects.get(event="database_failed_over")
        assert event.target.startswith("portal.database:db2")
        assert b"[ok] all" in bytes(event.entry)

    @pytest.mark.parametrize("name", ["responder", "commander", "auditor", "outsider"])
    def test_others_may_not(self, committed_cast: Cast, name: str) -> None:
        with pytest.raises(GovernanceDenied):
            recorded(committed_cast, name)
        with pytest.raises(GovernanceDenied):
            promote.decided(committed_cast.principal(name))

    def test_a_broken_gate_blocks_it(
        self, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "voters", lambda: ())
        with pytest.raises(GovernanceFailure):
            recorded(committed_cast)
        with pytest.raises(GovernanceDenied):
            promote.decided(committed_cast.principal("administrator"))

    def test_a_latched_gate_and_a_late_signer_do_not_since_both_need_a_database(
        self, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        latch.close("a rule was changed", {})
        monkeypatch.setattr(django_settings, "MAX_CHECKPOINT_LAG", -1)
        lag.forget()
        recorded(committed_cast)
        assert Event.objects.filter(event="database_failed_over").exists()
