"""What the Cedar voters share: how a request looks to a policy, and how an answer is read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cedarpy

from audit.gate.types import Request


class CedarError(Exception):
    """The policies cannot be evaluated on this request."""


@dataclass(frozen=True, slots=True)
class Policies:
    """A parsed text. `annotations` are those of each policy, by the id in Cedar's diagnostics."""

    parsed: cedarpy.PolicySet
    annotations: Mapping[str, Mapping[str, str]]

    def name(self, policy: str) -> str:
        return self.annotations[policy].get("id", policy)

    def approvals(self, rules: Sequence[str]) -> int:
        """How many people could lift these forbids; 0 where one of them cannot be lifted. One where
        the annotation is missing; validation refuses what is no number."""
        if not all("escalate" in self.annotations[rule] for rule in rules):
            return 0
        return max((int(self.annotations[r].get("approvals", "1")) for r in rules), default=0)


@lru_cache(maxsize=8)
def parse(text: str) -> Policies:
    """Raises `ValueError` with Cedar's own message where the text is no set of policies."""
    static = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    annotations = {policy: body.get("annotations", {}) for policy, body in static.items()}
    return Policies(cedarpy.PolicySet.from_str(text), annotations)


def inputs(request: Request) -> dict[str, Any]:
    """All that a policy can ask about, as JSON: recorded with each decision, so that it can be
    evaluated again."""
    principal = request.principal
    return {
        "principal": {
            "actor": principal.actor,
            "person": principal.person,
            "kind": principal.kind,
            "is_person": principal.user is not None,
            "is_system": principal.kind == "system",
        },
        "action": request.action.name,
        "resource": {
            "kind": request.resource.kind,
            "id": request.resource.id,
            **{name: fact for name, fact in request.resource.facts.items() if fact is not None},
        },
        "context": {
            **{name: fact for name, fact in request.context.items() if fact is not None},
            "verb": request.action.verb,
        },
    }


def evaluate(policies: Policies, asked: Mapping[str, Any]) -> cedarpy.AuthzResult:
    """Raises `CedarError` where any policy errs: Cedar skips such a policy, and a forbid that is
    skipped would let through what it forbids."""
    principal, resource, context = asked["principal"], asked["resource"], dict(asked["context"])
    if address := context.get("address"):
        context["address"] = {"__extn": {"fn": "ip", "arg": address}}
    principal_uid = {"type": "Principal", "id": principal["actor"]}
    resource_uid = {"type": "Resource", "id": f"{resource['kind']}:{resource['id']}"}
    result = cedarpy.is_authorized(
        {
            "principal": principal_uid,
            "action": {"type": "Action", "id": asked["action"]},
            "resource": resource_uid,
            "context": context,
        },
        policies.parsed,
        [
            {"uid": principal_uid, "attrs": principal, "parents": []},
            {"uid": resource_uid, "attrs": resource, "parents": []},
        ],
    )
    if result.diagnostics.errors:
        msg = f"policies err on {asked['action']}: {result.diagnostics.errors}"
        raise CedarError(msg)
    return result
