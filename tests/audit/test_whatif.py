"""What would have to be different, one fact at a time."""

from typing import Any

import pytest

from audit.gate.cedar import CedarError
from audit.whatif import MOST, ways

ALL = "permit (principal, action, resource);\n"


def asked(**context: Any) -> dict[str, Any]:
    facts = {"approvals": 0, "hour": 20, "weekday": 6, "has_second_factor": False, **context}
    return {
        "principal": {
            "actor": "user:a",
            "person": "user:a",
            "kind": "user",
            "is_person": True,
            "is_system": False,
        },
        "action": "a:b:c",
        "resource": {"kind": "a.b", "id": "1", "severity": "P0", "author": "user:a"},
        "context": {"verb": "c", **facts},
    }


def rule(condition: str, name: str = "r") -> str:
    return f'@id("{name}") forbid (principal, action, resource) when {{ {condition} }};\n'


@pytest.mark.parametrize(
    ("condition", "unless"),
    [
        ("!context.has_second_factor", ["has_second_factor were true"]),
        ("context.approvals < 1", ["one person approved it"]),
        ("context.approvals < 3", ["3 people approved it"]),
        ('resource.severity == "P0"', ["the severity were P1, P2 or P3"]),
        ("resource.author == principal.person", ["somebody else had made it"]),
        ("context.hour < 8 || context.hour > 17", ["the hour (UTC) were 8 to 17"]),
        ("context.weekday > 5", ["it were Monday, Tuesday, Wednesday, Thursday or Friday"]),
        ("!(context has reason)", ["a reason were given"]),
        ("true", []),
    ],
)
def test_the_fact_that_silences_a_rule_is_found(condition: str, unless: list[str]) -> None:
    found = ways(ALL + rule(condition), asked())
    assert (found.rules, found.allowed) == ({"r": unless}, unless)


def test_two_rules_are_freed_each_by_its_own_fact_and_none_lets_it_through() -> None:
    text = ALL + rule("!context.has_second_factor", "one") + rule("context.approvals < 1", "two")
    found = ways(text, asked())
    assert found.rules == {
        "one": ["has_second_factor were true"],
        "two": ["one person approved it"],
    }
    assert found.allowed == []


def test_where_no_rule_permits_it_what_would_permit_it_is_found() -> None:
    text = "permit (principal, action, resource) when { context.has_second_factor };"
    assert ways(text, asked()).allowed == ["has_second_factor were true"]


def test_rules_that_err_on_it_say_nothing() -> None:
    with pytest.raises(CedarError):
        ways(ALL + rule("context.unknown"), asked())


def test_the_search_is_bounded() -> None:
    many = {f"flag_{number}": True for number in range(1000)}
    assert MOST == 100
    assert ways(ALL + rule("!context.has_second_factor"), asked(**many)).allowed in (
        [],
        ["has_second_factor were true"],
    )
