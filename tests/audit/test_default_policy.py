"""The shipped policy holds, and its examples do what they say once their comment signs are gone."""

import re
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.approvals.services import approval_deny
from audit.gate import moment, policy, schema
from audit.gate.cedar import inputs
from audit.gate.types import Action, Fact, Request, Resource, Verdict, Vote
from audit.models import ApprovalRequest, User
from audit.policies import ACTIVATE
from audit.principal import Principal, client, person, system
from incidents import actions
from incidents.models import Postmortem
from incidents.procedure import State
from incidents.services.incidents import incident_change_severity
from incidents.services.postmortems import postmortem_accept
from incidents.severity import Severity
from portal.lib.errors import ApprovalRequired, GovernanceDenied
from tests.incidents.making import accepted, in_state, move, opened, submitted
from tests.people import Cast

ADA = Principal(kind="user", name="ada", user=User(username="ada"))


def without() -> AbstractContextManager[None]:
    """A session without a second factor, from the organisation's network."""
    return moment.called_by(moment.Caller(address="10.1.2.3"))


def judged(
    action: str,
    resource: Resource,
    *,
    by: Principal = ADA,
    text: str | None = None,
    **context: Fact,
) -> Vote:
    asked = inputs(Request(by, Action(action, event="x"), resource, context))
    asked["context"] |= moment.facts(by, 0)
    return policy.judge(text or policy.default_text(), asked)


def uncommented() -> str:
    lines = policy.default_text().splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("// Examples"))
    # Prose stands at the head of each; rules begin with an annotation.
    return "\n".join(
        line
        if n <= begin or not re.match(r"// (?:@|forbid|when|unless|    )", line)
        else line.removeprefix("// ")
        for n, line in enumerate(lines)
    )


DECIDING = [
    ("audit:approval:approve", "audit.approvalrequest"),
    ("audit:approval:deny", "audit.approvalrequest"),
    ("audit:policyset:approve", "audit.policyset"),
    ("audit:evidence:export", "audit.events"),
    ("audit:gate:release", "audit.gatelatch"),
    ("incidents:postmortem:accept", "incidents.postmortem"),
    ("audit:user:reset-second-factor", "audit.user"),
    ("forensics:log:read", "forensics.grant"),
]


@pytest.mark.parametrize(("action", "kind"), DECIDING)
def test_deciding_takes_a_second_factor(action: str, kind: str) -> None:
    resource = Resource(kind, "1", {"author": "user:bob"})
    with without():
        vote = judged(action, resource)
        assert (vote.verdict, vote.needs) == (Verdict.DENY, "second_factor")
        assert vote.rules == ("deciding-takes-a-second-factor",)
        with moment.with_second_factor(timezone.now()):
            assert judged(action, resource).verdict is Verdict.ALLOW


def test_working_an_incident_takes_none() -> None:
    with without():
        for action in ("acknowledge", "contain", "annotate", "close"):
            resource = Resource("incidents.incident", "1", {"severity": "P2"})
            assert judged(f"incidents:incident:{action}", resource).verdict is Verdict.ALLOW


def test_the_products_own_processes_and_the_console_have_no_session() -> None:
    resource = Resource("audit.events", "1")
    with without():
        export = "audit:evidence:export"
        assert judged(export, resource, by=system("worker")).verdict is Verdict.ALLOW
    with moment.at_console():
        assert judged(export, resource).verdict is Verdict.ALLOW


def test_a_token_counts_by_how_it_was_issued_and_not_by_the_session_it_comes_along_with(
    cast: Cast,
) -> None:
    resource = Resource("audit.events", "1")
    cast.token.user = cast.auditor
    vouched = client(cast.token)
    cast.token.second_factor_at = None
    bare = client(cast.token)
    with without():
        assert judged("audit:evidence:export", resource, by=vouched).verdict is Verdict.ALLOW
    with moment.with_second_factor(timezone.now()):
        assert judged("audit:evidence:export", resource, by=bare).verdict is Verdict.DENY


GRAVE = [
    ("P0", False, Verdict.ESCALATE),
    ("P1", True, Verdict.ESCALATE),
    ("P1", False, Verdict.ALLOW),
]


@pytest.mark.parametrize("verb", ["dismiss", "change-severity", "close"])
@pytest.mark.parametrize(("severity", "is_restricted", "verdict"), GRAVE)
def test_grave_incidents_are_not_ended_or_lowered_alone(
    verb: str, severity: str, is_restricted: bool, verdict: Verdict
) -> None:
    facts: dict[str, Fact] = {"severity": severity, "is_restricted": is_restricted}
    resource = Resource("incidents.incident", "1", facts)
    assert judged(f"incidents:incident:{verb}", resource, severity="P2").verdict is verdict


def test_raising_to_p0_is_anybodys() -> None:
    resource = Resource("incidents.incident", "1", {"severity": "P1", "is_restricted": True})
    action = actions.CHANGE_SEVERITY.name
    assert judged(action, resource, severity="P0").verdict is Verdict.ALLOW


def test_its_commander_closes_a_p0_alone(cast: Cast) -> None:
    resource = Resource("incidents.incident", "1", {"severity": "P0", "is_commander": True})
    assert judged("incidents:incident:close", resource).verdict is Verdict.ALLOW
    incident = in_state(cast, State.POSTMORTEM, "P0")
    accepted(cast, incident)
    with pytest.raises(ApprovalRequired):
        move(cast, incident, "close")


def test_accepting_without_a_second_factor_changes_nothing_and_says_what_helps(
    cast: Cast,
) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM))
    with without(), pytest.raises(GovernanceDenied) as caught:
        postmortem_accept(
            postmortem=postmortem, by=cast.principal("approver"), version=postmortem.version
        )
    assert caught.value.needs == "second_factor"
    assert caught.value.details()["needs"] == "second_factor"
    assert Postmortem.objects.get().accepted_at is None


def test_where_another_voter_denies_as_well_a_second_factor_is_not_offered(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM), author="approver")
    with without(), pytest.raises(GovernanceDenied) as caught:
        postmortem_accept(
            postmortem=postmortem, by=cast.principal("approver"), version=postmortem.version
        )
    assert caught.value.needs == ""


def test_answering_a_request_takes_one_too(cast: Cast) -> None:
    incident = opened(cast, "P0")
    with pytest.raises(ApprovalRequired):
        incident_change_severity(
            incident=incident, by=person(cast.commander), severity=Severity.P1, reason="Less"
        )
    asked = ApprovalRequest.objects.get()
    with without(), pytest.raises(GovernanceDenied):
        approval_deny(asked=asked, by=person(cast.approver), reason="No")


def test_the_examples_are_valid_once_uncommented() -> None:
    text = uncommented()
    assert schema.validate(text) == []
    for rule in (
        "configuration-in-office-hours",
        "administration-from-inside",
        "policies-take-a-fresh-second-factor",
    ):
        assert f'\n@id("{rule}")' in text


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        ("2026-03-02T07:59:59Z", Verdict.DENY),
        ("2026-03-02T08:00:00Z", Verdict.ALLOW),
        ("2026-03-06T17:59:59Z", Verdict.ALLOW),
        ("2026-03-06T18:00:00Z", Verdict.DENY),
        ("2026-03-07T12:00:00Z", Verdict.DENY),
    ],
)
def test_the_example_of_office_hours(at: str, verdict: Verdict) -> None:
    resource = Resource("incidents.service", "1")
    with time_machine.travel(at, tick=False):
        vote = judged("incidents:service:change", resource, text=uncommented())
        assert vote.verdict is verdict
        system_vote = judged(
            "incidents:service:change", resource, by=system("worker"), text=uncommented()
        )
        assert system_vote.verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("10.200.3.4", Verdict.ALLOW),
        ("11.0.0.1", Verdict.DENY),
        ("::ffff:10.0.0.1", Verdict.ALLOW),
        ("fe80::1%eth0", Verdict.DENY),
        ("", Verdict.DENY),
        ("not an address", Verdict.DENY),
    ],
)
def test_the_example_of_an_allow_list_of_addresses(address: str, verdict: Verdict) -> None:
    with moment.called_by(moment.Caller(address=address)):
        vote = judged("audit:user:create", Resource("audit.user", "1"), text=uncommented())
    assert vote.verdict is verdict


@pytest.mark.parametrize(("minutes", "verdict"), [(59, Verdict.ALLOW), (60, Verdict.DENY)])
def test_the_example_of_a_fresh_second_factor(minutes: int, verdict: Verdict) -> None:
    at = timezone.now() - timedelta(minutes=minutes, seconds=1)
    with moment.with_second_factor(at):
        version = Resource("audit.policyset", "1", {"author": "user:bob"})
        assert judged(ACTIVATE.name, version, text=uncommented()).verdict is verdict
