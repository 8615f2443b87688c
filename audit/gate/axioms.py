"""The first voter: invariants in Cedar, shipped with the code and pinned by their SHA-256.

Fails closed: a file that is not the pinned one, or a Cedar error, is no vote, and the gate denies.
The file is read and its digest checked at every evaluation; only the parsing is kept.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import cedarpy

from audit.gate.types import Request, Verdict, Vote

AXIOMS = Path(__file__).with_name("axioms.cedar")
PINNED = "cdf6f4126e145f542d621d10803b15db64e64ae94834b7e1e3f5c8640ec0786f"


class AxiomsError(Exception):
    """The axioms cannot be evaluated, or are not those that were shipped."""


@lru_cache(maxsize=2)
def _parsed(text: str) -> tuple[cedarpy.PolicySet, dict[str, str]]:
    """The policies, and what each forbids in words, by the id that Cedar's diagnostics name."""
    parsed = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    laws = {
        policy_id: policy["annotations"]["law"]
        for policy_id, policy in parsed.items()
        if policy["effect"] == "forbid"
    }
    return cedarpy.PolicySet.from_str(text), laws


def entities(request: Request) -> list[dict[str, Any]]:
    """The principal and the resource as Cedar sees them; facts that are None are left out."""
    principal = request.principal
    facts = {name: value for name, value in request.resource.facts.items() if value is not None}
    return [
        {
            "uid": {"type": "Principal", "id": principal.actor},
            "attrs": {
                "person": principal.person,
                "is_person": principal.user is not None,
                "is_system": principal.kind == "system",
            },
            "parents": [],
        },
        {
            "uid": {"type": "Resource", "id": str(request.resource)},
            "attrs": {**facts, "kind": request.resource.kind},
            "parents": [],
        },
    ]


class AxiomsVoter:
    name = "axioms"

    def __init__(self, path: Path = AXIOMS, pinned: str = PINNED) -> None:
        self.path = path
        self.pinned = pinned

    @property
    def digest(self) -> str:
        return self.pinned

    def vote(self, request: Request) -> Vote:
        policies, laws = _parsed(self._text())
        result = cedarpy.is_authorized(
            {
                "principal": {"type": "Principal", "id": request.principal.actor},
                "action": {"type": "Action", "id": request.action.name},
                "resource": {"type": "Resource", "id": str(request.resource)},
                "context": {
                    **{name: value for name, value in request.context.items() if value is not None},
                    "verb": request.action.verb,
                },
            },
            policies,
            entities(request),
        )
        # Cedar skips a policy that errs, so an erring forbid would let through what it forbids.
        if result.diagnostics.errors:
            msg = f"axioms err on {request.action.name}: {result.diagnostics.errors}"
            raise AxiomsError(msg)
        if result.allowed:
            return Vote(self.name, Verdict.ALLOW, "no axiom forbids it")
        return Vote(
            self.name, Verdict.DENY, " ".join(laws[policy] for policy in result.diagnostics.reasons)
        )

    def _text(self) -> str:
        raw = self.path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != self.pinned:
            msg = f"{self.path.name} is not the file that was shipped"
            raise AxiomsError(msg)
        return raw.decode()
