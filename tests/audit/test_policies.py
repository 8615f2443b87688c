"""The organisation's own rules: drafted, validated, tried, activated by another, reverted."""

import io

import pytest
from django.core.management import call_command

from audit.accounts import user_create
from audit.gate import latch, policy, schema
from audit.gate.statements import outline
from audit.gate.types import Verdict
from audit.models import Event, PolicySet, User
from audit.policies import policy_activate, policy_draft, policy_validate, shadow_run
from audit.principal import Principal, person
from audit.replay import replay
from audit.rows import row_save
from incidents.models import Service
from portal.lib.errors import Conflict, GovernanceDenied, GovernanceFailure, ValidationFailed
from tests.audit.test_gate import ask
from tests.database import as_superuser
from tests.people import TESTS, Cast

PERMISSIVE = "permit (principal, action, resource);\n"
NO_SERVICES = (
    PERMISSIVE
    + """
@id("frozen")
@says("Services are frozen this week.")
forbid (principal, action == Action::"incidents:service:add", resource);
"""
)


def drafted(cast: Cast, text: str = NO_SERVICES, by: str = "administrator") -> PolicySet:
    return policy_draft(draft=PolicySet(title="Freeze", text=text), by=cast.principal(by))


def validated(cast: Cast, text: str = NO_SERVICES) -> PolicySet:
    return policy_validate(draft=drafted(cast, text), by=cast.principal("administrator"))


@pytest.fixture
def second(cast: Cast) -> Principal:
    """A second administrator, for four eyes."""
    user = user_create(
        user=User(username="second"), password="correct horse", roles=["Administrator"], by=TESTS
    )
    return person(User.objects.get(pk=user.pk))


def activated(cast: Cast, second: Principal, text: str = NO_SERVICES) -> PolicySet:
    return policy_activate(version=validated(cast, text), by=second, reason="Agreed on Monday.")


def test_the_shipped_default_is_the_pinned_one_and_valid(db: None) -> None:
    assert policy.digest_of(policy.default_text()) == policy.PINNED
    assert schema.validate(policy.default_text()) == []


def test_until_there_is_a_version_of_their_own_the_default_holds(cast: Cast) -> None:
    decision = ask(cast.principal("commander"), "incidents:incident:dismiss", severity="P0")
    assert (decision.verdict, decision.approvals) == (Verdict.ESCALATE, 1)
    assert [vote.rules for vote in decision.votes if vote.voter == "policy"] == [
        ("grave-is-not-dismissed-alone",)
    ]


def test_an_active_version_holds_from_the_next_decision_on(cast: Cast, second: Principal) -> None:
    row_save(instance=Service(slug="a", name="A"), by=TESTS)
    activated(cast, second)
    with pytest.raises(GovernanceDenied, match="frozen this week"):
        row_save(instance=Service(slug="b", name="B"), by=TESTS)


def test_reverting_is_activating_an_earlier_version(cast: Cast, second: Principal) -> None:
    first = activated(cast, second, PERMISSIVE)
    activated(cast, second)
    policy_activate(version=first, by=second, reason="It froze too much.")
    row_save(instance=Service(slug="b", name="B"), by=TESTS)
    assert PolicySet.objects.get(state="active").version == first.version


def test_nobody_activates_what_they_wrote(cast: Cast) -> None:
    with pytest.raises(GovernanceDenied, match="second person"):
        policy_activate(
            version=validated(cast), by=cast.principal("administrator"), reason="because"
        )


@pytest.mark.parametrize("name", ["commander", "responder", "auditor", "outsider"])
def test_others_do_not_touch_policies(cast: Cast, name: str) -> None:
    with pytest.raises(GovernanceDenied):
        drafted(cast, by=name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("permit (principal, action, resource)", "line 1: this policy has no end"),
        ("permit (principal, action, resource);\n\nforbid (", "line 3: this policy has no end"),
        ("permit (principal, action, resource);\nforbid (x);", "line 2: "),
        ('permit (principal, action == Action::"no:such:action", resource);', "no:such:action"),
        (
            PERMISSIVE + "\nforbid (principal, action, resource)\nwhen { resource.colour == 1 };",
            "line 4",
        ),
        (
            PERMISSIVE + 'forbid (principal, action, resource)\nwhen {\n principal.persn == "x" };',
            "line 4: attribute `persn` on entity type `Principal` not found. Did you mean person?",
        ),
        (
            'permit (principal, action == Action::"incidents:incident:dismis", resource);',
            "Did you mean incidents:incident:dismiss",
        ),
        ('@says("a; b // c")\npermit (principal, action, resource)\nwhen { a b };', "line 3: "),
        ('@escalate("true")\n@approvals("many")\nforbid (principal, action, resource);', "many"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_with_its_line(
    cast: Cast, text: str, message: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        validated(cast, text)
    assert message in refused.value.message
    assert {error.field for error in refused.value.errors} == {"text"}


def test_every_policy_that_is_wrong_is_named_at_once() -> None:
    text = "permit (principal, action);\n// fine\n" + PERMISSIVE + "forbid (x);\npermit ("
    assert [error.line for error in schema.validate(text)] == [1, 4, 5]


def test_two_hundred_policies_validate_and_each_error_has_its_own_line(db: None) -> None:
    rules = [
        f'@id("p{number}")\nforbid (principal, action, resource)\nwhen {{ resource.kind == "k" }};\n'
        for number in range(200)
    ]
    assert schema.validate(PERMISSIVE + "".join(rules)) == []
    rules[150] = rules[150].replace("kind", "knd")
    [error] = schema.validate(PERMISSIVE + "".join(rules))
    assert error.line == 1 + 150 * 3 + 3
    assert [statement.name for statement in outline("".join(rules))][150] == "p150"


def test_a_validated_version_never_changes(cast: Cast) -> None:
    version = validated(cast)
    version.text = PERMISSIVE
    with pytest.raises(Conflict, match="never changes"):
        policy_draft(draft=version, by=cast.principal("administrator"))


def test_a_draft_is_not_activated(cast: Cast, second: Principal) -> None:
    with pytest.raises(Conflict, match="Only a validated"):
        policy_activate(version=drafted(cast), by=second, reason="because")


def test_a_shadow_run_shows_what_would_change(cast: Cast) -> None:
    row_save(instance=Service(slug="a", name="A"), by=TESTS)
    added = Event.objects.latest("id").pk
    run = shadow_run(NO_SERVICES)
    seen, changed = run.seen, run.changed
    assert run.counts == {("allow", "deny"): len(changed)}
    assert run.looked_at == Event.objects.count()
    assert seen == Event.objects.count()
    assert [(shadow.event, shadow.after and shadow.after.verdict) for shadow in changed] == [
        (added, Verdict.DENY)
    ]
    assert shadow_run(PERMISSIVE).changed == []


def test_recorded_decisions_replay_to_the_same_verdicts(cast: Cast, second: Principal) -> None:
    activated(cast, second)
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="b", name="B"), by=TESTS)
    found = replay(1000)
    assert found.seen == found.looked_at == Event.objects.count()
    assert (found.differences, dict(found.cannot)) == ([], {})


def test_a_replay_finds_a_decision_that_was_not_the_rules(committed_cast: Cast) -> None:
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
            ' \'"verdict":"allow","voter":"policy"\', \'"verdict":"deny","voter":"policy"\'),'
            " 'UTF8') WHERE id = 1"
        )
    found = replay(1000)
    assert [(d.event, d.voter, d.recorded, d.replayed) for d in found.differences] == [
        (1, "policy", "deny", "allow")
    ]
    said = io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("governance", "replay", stdout=said)
    assert exited.value.code == 1
    assert "event 1: policy said deny, now allow" in said.getvalue()


def test_a_permissions_vote_is_derived_again_from_its_facts(committed_cast: Cast) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="b", name="B"), by=committed_cast.principal("responder"))
    number = Event.objects.latest("id").pk
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
            ' \'"verdict":"deny","voter":"permissions"\','
            ' \'"verdict":"allow","voter":"permissions"\'),'
            " 'UTF8') WHERE id = %s",
            [number],
        )
        superuser.execute(
            "UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
            " '\"facts\":', '\"facts_of_another_release\":'), 'UTF8') WHERE id = 1"
        )
    found = replay(1000)
    assert [(d.event, d.voter, d.replayed) for d in found.differences] == [
        (number, "permissions", "deny")
    ]
    assert dict(found.cannot) == {"permissions: as recorded, without the facts": 1}


def test_a_text_edited_behind_the_triggers_is_no_policy(committed_cast: Cast) -> None:
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_policyset DISABLE TRIGGER ALL")
        superuser.execute(
            "INSERT INTO audit_policyset (version, title, text, digest, state, created_at)"
            " VALUES (1, 'x', 'permit (principal, action, resource);', repeat('0', 64), 'active',"
            " now())"
        )
    with pytest.raises(GovernanceFailure):
        row_save(instance=Service(slug="b", name="B"), by=TESTS)
    assert latch.closed() is not None
