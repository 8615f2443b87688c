"""The Cedar schema, written from the registry of actions: what a policy may ask about.

Validation holds a policy text against it and answers with messages that name the line. Cedar gives no
positions; it names what is wrong, which is looked for in the lines of the policy.
"""

import difflib
import re

import cedarpy

from audit.gate.cedar import parse
from audit.gate.statements import PolicyError, Statement, read
from audit.governed import ACTIONS

ENTITIES = """
entity Principal = {
    actor: String, person: String, kind: String, is_person: Bool, is_system: Bool,
};
entity Resource = {
    kind: String, id: String, author?: String, severity?: String, state?: String,
    is_restricted?: Bool, is_visible?: Bool, is_commander?: Bool, has_accepted_postmortem?: Bool,
};
type Context = {
    verb: String, approvals: Long, hour: Long, weekday: Long, has_second_factor: Bool,
    second_factor_minutes?: Long, is_at_console?: Bool,
    address?: ipaddr, reason?: String, severity?: String,
};
"""
ACTION = (
    'action "{}" appliesTo {{ principal: [Principal], resource: [Resource], context: Context }};'
)


def text() -> str:
    return ENTITIES + "\n".join(ACTION.format(name) for name in sorted(ACTIONS))


def validate(policies: str) -> list[PolicyError]:
    """What is wrong with the text, by line; empty when it may be activated."""
    statements, broken = read(policies)
    if broken:
        return broken
    result = cedarpy.validate_policies(policies, text())
    errors = []
    for error in result.errors:
        statement = statements[int(error.policy_id.removeprefix("policy"))]
        errors.append(_explained(statement, str(error.error)))
    for statement, annotations in zip(
        statements, parse(policies).annotations.values(), strict=True
    ):
        count = annotations.get("approvals", "1")
        if not re.fullmatch(r"[1-9]", count):
            message = f"@approvals(“{count}”) is not a number from 1 to 9."
            errors.append(PolicyError(statement.line_of("@approvals"), message))
    unknown = {error.line for error in errors if "unrecognized action" in error.message}
    # A scope whose action there is none of applies to nothing, which says nothing new.
    return sorted(
        (e for e in errors if not (_APPLIES_TO_NOTHING in e.message and unknown)),
        key=lambda error: error.line or 0,
    )


_APPLIES_TO_NOTHING = "unable to find an applicable action"
_PREFIX = re.compile(
    r"^(?:validation error on )?(?:for )?policy `policy\d+`,? ?(?:validation error:)?"
)
_QUOTED = re.compile(r"`([^`]+)`")


def _explained(statement: Statement, error: str) -> PolicyError:
    """With the line of what the message names, and names that are near to one that is unknown."""
    message = _PREFIX.sub("", error).strip()
    names = _QUOTED.findall(message)
    line = next((found for name in names if (found := statement.line_of(name))), None)
    near = [
        other
        for name in names[:1]
        for other in difflib.get_close_matches(_bare(name), _names(message), n=2, cutoff=0.75)
        if other != _bare(name)
    ]
    hint = f" Did you mean {' or '.join(near)}?" if near and _is_unknown(message) else ""
    return PolicyError(line or statement.scope_line, f"{message}.{hint}")


def _is_unknown(message: str) -> bool:
    return "not found" in message or "unrecognized" in message


def _bare(name: str) -> str:
    """`Action::"a:b:c"` is a:b:c."""
    return name.rpartition("::")[2].strip('"')


def _names(message: str) -> list[str]:
    """What could be meant: the actions, or the kinds of entity, or the attributes."""
    if "action" in message:
        return sorted(ACTIONS)
    if "entity type" in message and "attribute" not in message:
        return ["Principal", "Resource", "Action"]
    kind = re.search(r"on entity type `(\w+)`", message)
    part = ENTITIES.partition(f"entity {kind[1]} =")[2].partition("};")[0] if kind else ENTITIES
    return sorted(set(re.findall(r"(\w+)\??:", part)))
