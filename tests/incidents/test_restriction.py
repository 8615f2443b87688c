"""Restricting an incident, letting people in and out, and lifting it, each on record."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group

from audit.accounts import role_define, user_create
from audit.approvals.services import approval_give
from audit.gate.axioms import AxiomsVoter
from audit.models import ApprovalRequest, Event, User
from audit.principal import person
from incidents.models import Incident, IncidentRole
from incidents.selectors import incidents_visible_to
from incidents.selectors.restriction import let_in
from incidents.services.incidents import incident_assign, incident_open
from incidents.services.restriction import (
    incident_let_in,
    incident_remove_person,
    incident_restrict,
    incident_unrestrict,
)
from portal.lib.errors import (
    ApprovalRequired,
    AuditUnavailable,
    Conflict,
    GovernanceDenied,
    GovernanceFailure,
    ValidationFailed,
)
from portal.roles import ROLES
from tests.database import as_superuser
from tests.entries import noted
from tests.incidents.arranging import alert
from tests.incidents.making import opened
from tests.people import TESTS, Cast

COMMANDER = IncidentRole.Role.COMMANDER


def restricted(cast: Cast) -> Incident:
    incident = opened(cast)
    return incident_restrict(
        incident=incident, by=cast.principal("commander"), reason="Credentials in the log"
    )


def sees(user: User, incident: Incident) -> bool:
    fresh = User.objects.get(pk=user.pk)
    return incidents_visible_to(fresh).filter(pk=incident.pk).exists()


def security(name: str = "guard") -> User:
    user_create(user=User(username=name), password="correct horse", roles=["Security"], by=TESTS)
    return User.objects.get(username=name)


def newest() -> tuple[str, dict[str, object]]:
    event = Event.objects.order_by("-id")[0]
    return event.event, noted(json.loads(bytes(event.entry)))


def test_who_is_not_let_in_no_longer_sees_it(cast: Cast) -> None:
    incident = restricted(cast)
    assert not sees(cast.responder, incident)
    assert not sees(cast.approver, incident)
    assert not sees(cast.auditor, incident)
    event, data = newest()
    assert (event, data["reason"]) == ("incident_restricted", "Credentials in the log")


def test_nobody_is_locked_out_who_has_to_be_in(cast: Cast) -> None:
    incident = opened(cast)
    guard = security()
    incident_assign(
        incident=incident, by=cast.principal("commander"), role=COMMANDER, user=cast.responder
    )
    incident_restrict(incident=incident, by=cast.principal("approver"), reason="Leak")
    inside = (cast.commander, cast.responder, cast.approver, cast.administrator, guard)
    assert all(sees(user, incident) for user in inside)
    found = let_in(Incident.objects.get())
    assert [user.username for user in found.people] == ["approver", "commander", "responder"]
    assert [group.name for group in found.groups] == ["Administrator", "Security"]


def test_where_no_role_oversees_administrators_are_let_in(cast: Cast) -> None:
    held = "incidents.oversee_restricted_incident"
    for name in ("Security", "Administrator"):
        permissions = [permission for permission in ROLES[name] if permission != held]
        role_define(group=Group.objects.get(name=name), permissions=permissions, by=TESTS)
    incident = restricted(cast)
    assert [group.name for group in let_in(incident).groups] == ["Administrator"]


def test_letting_in_and_taking_out(cast: Cast) -> None:
    incident, by = restricted(cast), cast.principal("commander")
    incident_let_in(incident=incident, by=by, user=cast.responder)
    assert sees(cast.responder, incident)
    assert newest() == ("incident_person_let_in", {"user": cast.principal("responder").recorded})
    with pytest.raises(Conflict):
        incident_let_in(incident=incident, by=by, user=User.objects.get(username="responder"))
    incident_remove_person(incident=incident, by=by, user=cast.responder)
    assert not sees(cast.responder, incident)
    with pytest.raises(Conflict):
        incident_remove_person(incident=incident, by=by, user=cast.responder)


def test_only_who_may_see_incidents_at_all_is_let_in(cast: Cast) -> None:
    incident = restricted(cast)
    with pytest.raises(ValidationFailed):
        incident_let_in(incident=incident, by=cast.principal("commander"), user=cast.outsider)


def test_a_role_is_given_only_to_who_is_in(cast: Cast) -> None:
    incident, by = restricted(cast), cast.principal("commander")
    with pytest.raises(ValidationFailed, match="let in"):
        incident_assign(incident=incident, by=by, role=COMMANDER, user=cast.responder)
    incident_let_in(incident=incident, by=by, user=cast.responder)
    user = User.objects.get(username="responder")
    incident_assign(incident=incident, by=by, role=COMMANDER, user=user)
    with pytest.raises(Conflict, match="holds a role"):
        incident_remove_person(incident=incident, by=by, user=user)


def test_its_commander_lifts_it_and_who_was_in_is_forgotten(cast: Cast) -> None:
    incident, by = restricted(cast), cast.principal("commander")
    incident_let_in(incident=incident, by=by, user=cast.approver)
    incident_assign(incident=incident, by=by, role=COMMANDER, user=cast.commander)
    incident = Incident.objects.get()
    incident_unrestrict(incident=incident, by=by, reason="Rotated, and told")
    assert sees(cast.responder, incident)
    again = cast.principal("administrator")
    incident_restrict(incident=Incident.objects.get(), by=again, reason="More of it")
    assert not sees(cast.approver, incident)


def test_anybody_else_lifts_it_with_a_second_person_who_is_in(cast: Cast) -> None:
    incident, by = restricted(cast), cast.principal("commander")
    incident_let_in(incident=incident, by=by, user=cast.approver)
    incident = Incident.objects.get()
    with pytest.raises(ApprovalRequired):
        incident_unrestrict(incident=incident, by=by, reason="Told")
    assert Incident.objects.get().is_restricted
    asked = ApprovalRequest.objects.get()
    approval_give(asked=asked, by=person(User.objects.get(username="approver")))
    assert not Incident.objects.get().is_restricted


@pytest.mark.parametrize("name", ["responder", "auditor", "outsider"])
def test_the_wrong_role_changes_nothing(cast: Cast, name: str) -> None:
    by, incident = cast.principal(name), opened(cast)
    with pytest.raises(GovernanceDenied):
        incident_restrict(incident=incident, by=by, reason="Mine")
    hidden = restricted(cast)
    for call in calls(cast, hidden, name):
        with pytest.raises(GovernanceDenied):
            call()
    assert Incident.objects.get(pk=hidden.pk).is_restricted


def test_a_commander_who_was_not_let_in_changes_nothing(cast: Cast) -> None:
    for call in calls(cast, restricted(cast), "approver"):
        with pytest.raises(GovernanceDenied, match="restricted"):
            call()


def calls(cast: Cast, incident: Incident, name: str = "commander") -> list[Callable[[], object]]:
    by = cast.principal(name)
    return [
        lambda: incident_let_in(incident=incident, by=by, user=cast.responder),
        lambda: incident_remove_person(incident=incident, by=by, user=cast.commander),
        lambda: incident_unrestrict(incident=incident, by=by, reason="because"),
    ]


def test_with_a_broken_gate_nothing_changes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, shown = restricted(cast), opened(cast)

    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(AxiomsVoter, "vote", broken)
    by = cast.principal("commander")
    restrict = [lambda: incident_restrict(incident=shown, by=by, reason="Leak")]
    for call in (*calls(cast, hidden), *restrict):
        with pytest.raises(GovernanceFailure):
            call()
    assert [i.is_restricted for i in Incident.objects.order_by("id")] == [True, False]


def test_with_a_broken_ledger_nothing_changes(committed_cast: Cast) -> None:
    cast = committed_cast
    hidden, shown = restricted(cast), opened(cast)
    by = cast.principal("commander")
    incident_assign(incident=hidden, by=by, role=COMMANDER, user=cast.commander)
    with as_superuser() as database:
        database.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    restrict = [lambda: incident_restrict(incident=shown, by=by, reason="Leak")]
    let_in_and_lift = [calls(cast, hidden)[0], calls(cast, hidden)[2]]
    for call in (*let_in_and_lift, *restrict):
        with pytest.raises(AuditUnavailable):
            call()
    assert [i.is_restricted for i in Incident.objects.order_by("id")] == [True, False]
    assert not sees(cast.responder, hidden)


def test_restricting_twice_or_lifting_what_is_not_restricted_is_a_conflict(cast: Cast) -> None:
    by = cast.principal("commander")
    with pytest.raises(Conflict):
        incident_restrict(incident=restricted(cast), by=by, reason="Again")
    open_to_all = opened(cast)
    incident_assign(incident=open_to_all, by=by, role=COMMANDER, user=cast.commander)
    with pytest.raises(Conflict):
        incident_unrestrict(incident=open_to_all, by=by, reason="because")
    with pytest.raises(Conflict):
        incident_let_in(incident=open_to_all, by=by, user=cast.responder)


def test_it_takes_a_reason(cast: Cast) -> None:
    with pytest.raises(ValidationFailed):
        incident_restrict(incident=opened(cast), by=cast.principal("commander"), reason=" ")


def test_a_person_opens_one_restricted_and_is_in(cast: Cast) -> None:
    incident = incident_open(
        incident=Incident(title="Insider", severity="P1", is_restricted=True),
        by=cast.principal("responder"),
    )
    assert sees(cast.responder, incident)
    assert sees(cast.administrator, incident)
    assert not sees(cast.commander, incident)


@pytest.mark.parametrize(
    "fields",
    [
        {"failure_type": "security"},
        {"failure_type": "security", "severity_text": "P2"},
        {"severity_text": "critical", "labels": {"team": "Security"}},
    ],
)
def test_a_security_alert_opens_a_restricted_incident(
    cast: Cast, fields: dict[str, object]
) -> None:
    incident = alert(cast, **fields)
    assert incident.is_restricted
    assert incident.severity == ("P2" if fields.get("severity_text") == "P2" else "P0")
    assert sees(cast.administrator, incident)
    assert not sees(cast.commander, incident)


@pytest.mark.parametrize(
    "fields",
    [
        {"failure_type": "migration"},
        {"severity_text": "critical", "labels": {"team": "database"}},
        {"severity_text": "warning", "labels": {"team": "security"}},
    ],
)
def test_others_are_open_to_all(cast: Cast, fields: dict[str, object]) -> None:
    assert not alert(cast, **fields).is_restricted
