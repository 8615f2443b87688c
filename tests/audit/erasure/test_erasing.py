"""Erasing a person leaves the record as it was, and names nobody."""

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from audit.accounts import role_define, user_create
from audit.approvals.services import approval_give
from audit.erasure.services import Erasure, obstacles, person_erase
from audit.gate.axioms import AxiomsVoter
from audit.ledger.report import Report
from audit.ledger.signer import LedgerSigner
from audit.ledger.verify import verify
from audit.models import ApprovalRequest, Event, SecondFactor, User
from audit.principal import person, subject
from audit.replay import replay
from audit.selectors import entry_of, opened_of
from incidents.models import IncidentRole
from incidents.selectors.timeline import timeline
from incidents.services.incidents import incident_assign
from portal.lib.errors import (
    ApprovalRequired,
    AuditUnavailable,
    GovernanceDenied,
    GovernanceFailure,
)
from tests.audit.erasure.lives import (
    ADDRESS,
    EMAIL,
    NAME,
    checkpointed,
    erased,
    everything,
    lived,
    zebedee,
)
from tests.database import as_superuser
from tests.entries import actor_of
from tests.incidents.making import move, opened
from tests.people import TESTS, Cast


def test_nothing_in_the_database_names_who_was_erased(cast: Cast) -> None:
    user = lived(cast)
    assert NAME in everything()
    salt = bytes(user.salt)
    erased(cast, user)
    left = everything()
    for gone in (NAME, EMAIL, "Zebedee", "Quixote", salt.hex(), ADDRESS):
        assert gone.lower() not in left.lower()


def test_the_account_is_closed_for_good(cast: Cast, client: Client) -> None:
    user = lived(cast)
    erased(cast, user)
    user = User.objects.get(pk=user.pk)
    assert user.username == f"erased-{subject(user)}"
    assert not user.is_active
    assert user.second_factor_since is None
    assert not SecondFactor.objects.filter(user=user).exists()
    assert not user.recovery_codes.exists()
    assert not client.login(username=NAME, password="correct horse")
    assert user.api_tokens.filter(revoked_at=None).count() == 0
    client.force_login(cast.administrator)
    url = reverse("admin:audit_user_change", args=[user.pk])
    assert client.post(url, {"is_active": "on", "time_zone": "UTC"}).status_code == 403
    assert not User.objects.get(pk=user.pk).is_active


def test_their_events_stay_and_name_nobody(cast: Cast, client: Client) -> None:
    user = lived(cast)
    before = {event.pk: bytes(event.entry) for event in Event.objects.all()}
    ref = subject(user)
    erased(cast, user)
    assert all(
        bytes(entry) == before[pk]
        for pk, entry in Event.objects.filter(pk__in=before).values_list("pk", "entry")
    )
    event = Event.objects.filter(event="profile_changed").latest("id")
    assert actor_of(event) == f"user:erased-{ref}"
    (opened,) = opened_of([event])
    assert opened.is_erased
    assert opened.entry["data"]["asked"]["context"]["address"] == "erased"
    client.force_login(cast.auditor)
    page = client.get(reverse("audit:event-detail", args=[event.pk])).content.decode()
    assert f"user:erased-{ref}" in page
    found = client.get("/api/v1/audit/events/", {"actor": f"user:erased-{ref}"}).json()["results"]
    assert event.pk in {each["entry"]["id"] for each in found}


def test_the_record_and_its_rows_still_verify(committed_cast: Cast, signer: LedgerSigner) -> None:
    cast = committed_cast
    erased(cast, lived(cast))
    checkpointed(signer)
    report = Report()
    verify(report, rows=True)
    assert (report.status, report.problems) == ("verified", [])


def test_a_timeline_shows_that_somebody_was_erased(cast: Cast) -> None:
    user = lived(cast)
    incident = IncidentRole.objects.filter(user=user)[0].incident
    assert f"user:{NAME}" in {entry.author for entry in timeline(incident, limit=50).rows}
    ref = subject(user)
    erased(cast, user)
    rows = timeline(incident, limit=50).rows
    assert f"user:erased-{ref}" in {entry.author for entry in rows}
    assert f"Incident commander: erased-{ref}" in {e.text for e in rows} or any(
        f"erased-{ref}" in e.text for e in rows
    )


def test_a_replay_says_which_decisions_nobody_can_judge_again(cast: Cast) -> None:
    user = lived(cast)
    assert not replay(1000).cannot
    erased(cast, user)
    found = replay(1000)
    why = "policy: about somebody who was erased, or what cannot be opened here"
    assert found.cannot[why] > 0
    assert found.differences == []


def test_nobody_erases_anybody_alone(cast: Cast) -> None:
    user = zebedee()
    erased(cast, user)
    entry = entry_of(Event.objects.get(event="person_erased"))
    assert entry["actor"] == cast.principal("administrator").recorded
    assert entry["data"]["approved_by"] == [cast.principal("approver").recorded]
    votes = {vote["voter"]: vote["verdict"] for vote in entry["votes"]}
    assert set(votes.values()) == {"allow"}


def test_the_axiom_itself_asks_for_the_second_person(cast: Cast) -> None:
    asked = {
        "principal": {"actor": "user:a", "person": "user:a", "kind": "user"},
        "action": "audit:user:erase",
        "resource": {"kind": "audit.user", "id": "1"},
        "context": {"verb": "erase", "approvals": 0},
    }
    asked["principal"] |= {"is_person": True, "is_system": False}
    assert AxiomsVoter().judge(asked).verdict == "escalate"
    asked["context"]["approvals"] = 1
    assert AxiomsVoter().judge(asked).verdict == "allow"


@pytest.mark.parametrize("name", ["responder", "commander", "auditor", "outsider"])
def test_only_administrators_erase(cast: Cast, name: str) -> None:
    user = zebedee()
    with pytest.raises(GovernanceDenied):
        person_erase(user=user, by=cast.principal(name), reason="x")
    assert User.objects.filter(username=NAME).exists()
    assert Event.objects.latest("id").event == "governance_denied"


def test_a_broken_gate_erases_nobody(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    user = zebedee()

    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(AxiomsVoter, "judge", broken)
    with pytest.raises(GovernanceFailure):
        person_erase(user=user, by=cast.principal("administrator"), reason="x")
    assert User.objects.filter(username=NAME).exists()


def test_a_broken_ledger_erases_nobody(committed_cast: Cast) -> None:
    user = zebedee()
    with pytest.raises(ApprovalRequired):
        person_erase(user=user, by=committed_cast.principal("administrator"), reason="x")
    asked = ApprovalRequest.objects.get()
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    with pytest.raises(AuditUnavailable):
        approval_give(asked=asked, by=committed_cast.principal("approver"), reason="")
    assert User.objects.filter(username=NAME).exists()
    assert not Erasure.objects.exists()


def test_what_stands_against_it_is_said(cast: Cast) -> None:
    user = zebedee()
    administrator = cast.principal("administrator")
    assert obstacles(user, by=administrator) == []
    incident = opened(cast)
    incident_assign(
        incident=incident,
        by=cast.principal("commander"),
        role=IncidentRole.Role.COMMANDER,
        user=user,
    )
    assert "role in an open incident" in obstacles(user, by=administrator)[0]
    assert "Nobody erases themselves" in obstacles(cast.administrator, by=administrator)[0]
    move(cast, incident, "dismiss")
    erased(cast, user)
    assert "before" in obstacles(User.objects.get(pk=user.pk), by=administrator)[0]


def test_the_last_administrator_is_not_erased(cast: Cast) -> None:
    helper = Group(name="Helper")
    role_define(group=helper, permissions=["audit.delete_user"], by=TESTS)
    user_create(user=User(username="second"), password="correct horse", roles=["Helper"], by=TESTS)
    by = person(User.objects.get(username="second"))
    with pytest.raises(ApprovalRequired):
        person_erase(user=cast.administrator, by=by, reason="x")
    asked = ApprovalRequest.objects.get()
    approval_give(asked=asked, by=cast.principal("approver"), reason="")
    asked.refresh_from_db()
    assert asked.state == "failed"
    assert "Nobody would be left" in asked.outcome
    assert User.objects.filter(username="administrator", is_active=True).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"username": "other"},
        {"salt": b"another salt, 16"},
        {"username": f"erased-~{'0' * 32}", "is_active": False},
    ],
)
def test_name_and_salt_never_change_but_in_an_erasure(
    cast: Cast, change: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError, match="but in an erasure"), transaction.atomic():
        User.objects.filter(pk=cast.outsider.pk).update(**change)


def test_who_was_erased_does_not_come_back_by_any_way(cast: Cast) -> None:
    user = zebedee()
    erased(cast, user)
    with pytest.raises(IntegrityError, match="does not come back"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=True)
