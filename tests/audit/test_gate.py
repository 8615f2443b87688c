"""What the gate allows, and that whatever breaks in it blocks."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.gate import engine, vectors
from audit.gate.axioms import AXIOMS, PINNED, AxiomsVoter
from audit.gate.cedar import inputs, parse
from audit.gate.four_laws import LAWS, FourLaws
from audit.gate.types import Action, Decision, Request, Resource, Verdict, Vote
from audit.governed import ACTIONS
from audit.models import Event, User
from audit.principal import Principal, client, person, system
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import AuditUnavailable, GovernanceDenied, GovernanceFailure
from tests.database import as_superuser
from tests.entries import actor_of
from tests.people import TESTS, Cast

INCIDENT = "incidents.incident"


def ask(by: Principal, action: str, **facts: object) -> Decision:
    return engine.decide(Request(by, ACTIONS[action], Resource(INCIDENT, "INC-1", facts)))


class Broken:
    """A voter that fails in the way it is told to."""

    name = "broken"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def vote(self, _request: Request, _asked: object) -> Vote:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value] # that is the point


def voting(monkeypatch: pytest.MonkeyPatch, *voters: object) -> None:
    monkeypatch.setattr(engine, "_VOTERS", voters)


def test_the_known_vectors_are_answered_right() -> None:
    assert vectors.failures() == []


def test_the_axioms_are_the_pinned_ones() -> None:
    AxiomsVoter().judge(inputs(vectors.VECTORS[0].request))


def test_a_changed_axioms_file_is_a_failure_and_no_vote(tmp_path: Path) -> None:
    edited = tmp_path / "axioms.cedar"
    edited.write_bytes(AXIOMS.read_bytes() + b"\n")
    with pytest.raises(Exception, match="not the file that was shipped"):
        AxiomsVoter(edited, PINNED).judge(inputs(vectors.VECTORS[0].request))


def test_an_axiom_that_errs_is_a_failure_and_not_skipped(cast: Cast) -> None:
    """Cedar leaves out a policy that errs: an erring forbid must not become a permit."""
    request = Request(
        cast.principal("commander"),
        ACTIONS["incidents:incident:close"],
        Resource(INCIDENT, "INC-1", {"severity": 5, "has_accepted_postmortem": "yes"}),
    )
    assert engine.decide(request).verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("name", "action", "verdict"),
    [
        ("responder", "incidents:incident:acknowledge", Verdict.ALLOW),
        ("commander", "incidents:incident:acknowledge", Verdict.ALLOW),
        ("auditor", "incidents:incident:acknowledge", Verdict.DENY),
        ("administrator", "incidents:incident:acknowledge", Verdict.DENY),
        ("outsider", "incidents:incident:acknowledge", Verdict.DENY),
        ("responder", "incidents:incident:dismiss", Verdict.DENY),
        ("commander", "incidents:incident:dismiss", Verdict.ALLOW),
        ("responder", "incidents:service:change", Verdict.DENY),
        ("commander", "incidents:service:change", Verdict.DENY),
        ("administrator", "incidents:service:change", Verdict.ALLOW),
        ("administrator", "auth:group:change", Verdict.ALLOW),
        ("auditor", "auth:group:change", Verdict.DENY),
        ("commander", "incidents:alert:receive", Verdict.DENY),
    ],
)
def test_roles_decide(cast: Cast, name: str, action: str, verdict: Verdict) -> None:
    assert ask(cast.principal(name), action).verdict is verdict


def test_an_account_that_is_not_active_may_nothing(cast: Cast) -> None:
    cast.commander.is_active = False
    assert ask(person(cast.commander), "incidents:incident:contain").verdict is Verdict.DENY


@pytest.mark.parametrize("severity", ["P0", "P1"])
def test_p0_and_p1_close_only_with_an_accepted_postmortem(cast: Cast, severity: str) -> None:
    commander, close = cast.principal("commander"), "incidents:incident:close"
    refused = ask(commander, close, severity=severity, has_accepted_postmortem=False)
    assert (refused.verdict, "postmortem" in refused.reason) == (Verdict.DENY, True)
    allowed = ask(
        commander, close, severity=severity, has_accepted_postmortem=True, is_commander=True
    )
    assert allowed.verdict is Verdict.ALLOW


def test_closing_is_refused_where_the_severity_is_not_known(cast: Cast) -> None:
    assert ask(cast.principal("commander"), "incidents:incident:close").verdict is Verdict.DENY


def test_nobody_accepts_what_they_wrote(cast: Cast) -> None:
    accept = "incidents:postmortem:accept"
    assert ask(cast.principal("commander"), accept, author="user:commander").verdict is Verdict.DENY
    assert ask(cast.principal("commander"), accept, author="user:approver").verdict is Verdict.ALLOW
    assert ask(cast.principal("commander"), accept).verdict is Verdict.DENY


def test_a_token_is_the_person_it_acts_for(cast: Cast) -> None:
    theirs = Principal("token", "cli", cast.commander, frozenset({"incidents:write"}))
    theirs = replace(theirs, second_factor_at=timezone.now())
    accept = "incidents:postmortem:accept"
    assert ask(theirs, accept, author="user:commander").verdict is Verdict.DENY
    assert ask(theirs, accept, author="user:approver").verdict is Verdict.ALLOW


def test_a_token_needs_the_scope(cast: Cast) -> None:
    theirs = Principal("token", "cli", cast.commander, frozenset({"incidents:read"}))
    assert "scope" in ask(theirs, "incidents:incident:contain").reason


def test_a_token_for_nobody_passes_only_where_clients_do(cast: Cast) -> None:
    assert ask(client(cast.token), "incidents:alert:receive").verdict is Verdict.ALLOW
    admin = Principal("token", "ci", None, frozenset({"admin"}))
    assert ask(admin, "incidents:incident:contain").verdict is Verdict.DENY


@pytest.mark.parametrize("action", ["acknowledge", "close", "dismiss"])
def test_the_product_itself_takes_no_human_decision(cast: Cast, action: str) -> None:
    assert ask(system("worker"), f"incidents:incident:{action}").verdict is Verdict.DENY


def test_a_restricted_incident_is_for_those_let_in(cast: Cast) -> None:
    contain = "incidents:incident:contain"
    out = ask(cast.principal("commander"), contain, is_restricted=True, is_visible=False)
    let_in = ask(cast.principal("commander"), contain, is_restricted=True, is_visible=True)
    assert (out.verdict, let_in.verdict) == (Verdict.DENY, Verdict.ALLOW)


def test_an_object_permission_counts_for_its_object_alone(cast: Cast) -> None:
    mine, other = Service(slug="mine", name="Mine"), Service(slug="other", name="Other")
    for service in (mine, other):
        row_save(instance=service, by=TESTS)

    def grant() -> None:
        assign_perm("incidents.change_service", cast.outsider, mine)

    row_save(instance=Group(name="x"), related=grant, by=TESTS)
    outsider = person(User.objects.get(username="outsider"))
    row_save(instance=mine, by=outsider)
    with pytest.raises(GovernanceDenied):
        row_save(instance=other, by=outsider)


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("boom"),
        TimeoutError(),
        None,
        "allow",
        Vote("somebody else", Verdict.ALLOW, "", ""),
        Vote("broken", Verdict.FAILURE, "", ""),
        Vote("broken", "allowed", "", ""),
    ],
)
def test_what_is_not_a_vote_blocks(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    voting(monkeypatch, AxiomsVoter(), Broken(answer))
    decision = ask(client_like(), "incidents:alert:receive")
    assert decision.verdict is Verdict.FAILURE
    assert "boom" not in decision.reason


def client_like() -> Principal:
    return Principal("token", "probe", None, frozenset({"alerts:write"}))


def test_no_voter_at_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    voting(monkeypatch)
    assert ask(client_like(), "incidents:alert:receive").verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ("allow allow", "allow"),
        ("allow deny", "deny"),
        ("escalate deny", "deny"),
        ("allow escalate", "escalate"),
        ("deny failure", "failure"),
    ],
)
def test_how_votes_combine(monkeypatch: pytest.MonkeyPatch, answers: str, verdict: str) -> None:
    voting(
        monkeypatch,
        *(
            Broken(RuntimeError() if a == "failure" else Vote("broken", Verdict(a), a, ""))
            for a in answers.split()
        ),
    )
    assert ask(client_like(), "incidents:alert:receive").verdict == verdict


def test_decisions_are_never_cached(cast: Cast) -> None:
    responder = cast.principal("responder")
    assert ask(responder, "incidents:incident:contain").verdict is Verdict.ALLOW
    row_save(instance=cast.responder, related=cast.responder.groups.clear, by=TESTS)
    again = person(User.objects.get(username="responder"))
    assert ask(again, "incidents:incident:contain").verdict is Verdict.DENY


def test_a_denial_is_recorded_and_outlives_what_it_refused(committed_cast: Cast) -> None:
    with pytest.raises(GovernanceDenied) as denied:
        row_save(instance=Service(slug="x", name="X"), by=committed_cast.principal("auditor"))
    assert {vote["voter"]: vote["verdict"] for vote in denied.value.votes} == {
        "axioms": "allow",
        "permissions": "deny",
        "policy": "allow",
    }
    event = Event.objects.latest("id")
    assert (event.event, event.verdict, actor_of(event)) == (
        "governance_denied",
        "deny",
        "user:auditor",
    )
    assert event.action == "incidents:service:add"
    assert not Service.objects.filter(slug="x").exists()


def test_a_broken_voter_blocks_and_is_recorded(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    voting(monkeypatch, AxiomsVoter(), Broken(RuntimeError("boom")))
    with pytest.raises(GovernanceFailure):
        row_save(instance=Service(slug="x", name="X"), by=TESTS)
    event = Event.objects.latest("id")
    assert (event.event, event.verdict) == ("governance_failure", "failure")
    assert not Service.objects.filter(slug="x").exists()


def test_an_escalation_has_no_one_to_approve_it_and_is_refused(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    voting(monkeypatch, Broken(Vote("broken", Verdict.ESCALATE, "ask somebody", "")))
    with pytest.raises(GovernanceDenied, match="ask somebody"):
        row_save(instance=Service(slug="x", name="X"), by=TESTS)
    assert Event.objects.latest("id").verdict == "escalate"


def test_without_the_record_nothing_happens(committed_cast: Cast) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    with pytest.raises(AuditUnavailable):
        row_save(instance=Service(slug="x", name="X"), by=TESTS)
    assert not Service.objects.filter(slug="x").exists()
    with pytest.raises(AuditUnavailable):
        row_save(instance=Service(slug="x", name="X"), by=committed_cast.principal("auditor"))


def test_every_action_is_named_like_the_others() -> None:
    for name, action in ACTIONS.items():
        app, kind, verb = name.split(":")
        assert app in {"audit", "auth", "incidents", "portal"}
        assert kind.islower()
        assert action.verb == verb
        assert isinstance(action, Action)


def test_every_axiom_belongs_to_one_of_the_four_laws() -> None:
    forbids = {
        annotations["id"]
        for annotations in parse(AXIOMS.read_text()).annotations.values()
        if "law" in annotations
    }
    assert [law.number for law in LAWS] == [0, 1, 2, 3]
    assert set().union(*(law.axioms for law in LAWS)) == forbids
    assert all(law.axioms and law.examples for law in LAWS)


def test_the_four_laws_front_the_gate(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = Resource(INCIDENT, "INC-1", {"severity": "P2", "has_accepted_postmortem": False})
    asked = {"by": cast.principal("commander"), "on": incident}
    assert FourLaws.validate_action("incidents:incident:close", asked)[0]
    worst = {**asked, "on": Resource(INCIDENT, "INC-1", {"severity": "P0"})}
    allowed, reason = FourLaws.validate_action("incidents:incident:close", worst)
    assert (allowed, "postmortem" in reason) == (False, True)
    voting(monkeypatch, Broken(RuntimeError()))
    with pytest.raises(GovernanceFailure):
        FourLaws.validate_action("incidents:incident:close", asked)
