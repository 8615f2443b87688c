"""The Cedar schema, written from the registry of actions: what a policy may ask about.

Validation holds a policy text against it and answers with messages that name the line.
"""

import json
import re
from dataclasses import dataclass

import cedarpy

from audit.gate.cedar import parse
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


@dataclass(frozen=True, slots=True)
class PolicyError:
    line: int | None
    message: str


def text() -> str:
    return ENTITIES + "\n".join(ACTION.format(name) for name in sorted(ACTIONS))


def validate(policies: str) -> list[PolicyError]:
    """What is wrong with the text, by line; empty when it may be activated."""
    starts, broken = _starts(policies)
    if broken is not None:
        return [broken]
    result = cedarpy.validate_policies(policies, text())
    errors = [
        PolicyError(starts[int(error.policy_id.removeprefix("policy"))], str(error.error))
        for error in result.errors
    ]
    for line, annotations in zip(starts, parse(policies).annotations.values(), strict=True):
        count = annotations.get("approvals", "1")
        if not re.fullmatch(r"[1-9]", count):
            errors.append(PolicyError(line, f"@approvals(“{count}”) is not a number from 1 to 9."))
    return errors


_UNFINISHED = "unexpected end of input"


def _starts(policies: str) -> tuple[list[int], PolicyError | None]:
    """The line on which each policy begins, and the first that is no policy, with its line.

    Cedar gives no positions. A text that ends within a policy is told apart from one that is wrong,
    though, so reading on line by line finds where each policy ends, and where one goes wrong.
    """
    starts: list[int] = []
    chunk: list[str] = []
    begun = 0
    for number, line in enumerate(policies.splitlines(), start=1):
        if not chunk and (not line.strip() or line.lstrip().startswith("//")):
            continue
        begun = begun if chunk else number
        chunk.append(line)
        try:
            found = json.loads(cedarpy.policies_to_json_str("\n".join(chunk)))["staticPolicies"]
        except ValueError as error:
            if _UNFINISHED not in str(error):
                return starts, PolicyError(number, str(error))
            continue
        if found:
            starts += [begun] * len(found)
            chunk = []
    return starts, PolicyError(begun, "this policy has no end") if chunk else None
