"""The second voter: Django groups and django-guardian object permissions, and token scopes.

It judges by facts that it gathers and records with its vote, so that the vote can be derived again
from the record. That the facts were so, only the recorded changes of accounts and roles can tell.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db.models import Model

from audit.gate.types import Request, Verdict, Vote

_DIGEST = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


class PermissionsVoter:
    """Its rules are this file; who holds which permission is itself in the ledger."""

    name = "permissions"
    digest = _DIGEST

    def vote(self, request: Request, _asked: Mapping[str, Any]) -> Vote:
        return self.judge(_facts(request))

    def judge(self, facts: Mapping[str, Any]) -> Vote:
        """By nothing but the facts of the vote: those of a recorded one give it again."""
        refusal = _refusal(facts)
        verdict = Verdict.DENY if refusal else Verdict.ALLOW
        return Vote(self.name, verdict, refusal or "permitted", _DIGEST, facts=facts)


def _facts(request: Request) -> dict[str, Any]:
    """What is not so is left out. `held` is how the permission is: by a `role`, or on the `object`
    alone; `open_to` are those whom the action is open to without one."""
    principal, action = request.principal, request.action
    open_to = {
        "everyone": action.is_for_everyone,
        "clients": action.is_for_clients,
        "system": action.is_for_system,
    }
    facts: dict[str, Any] = {
        "by": principal.kind,
        "is_person": principal.user is not None,
        "is_active": principal.user is not None and principal.user.is_active,
        "permission": action.permission,
        "held": _held(request),
        "open_to": [name for name, is_open in open_to.items() if is_open],
        "scope": action.scope if principal.scopes is not None else None,
        "has_scope": bool(principal.scopes and principal.scopes & {action.scope, "admin"}),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _held(request: Request) -> str:
    user, permission, row = request.principal.user, request.action.permission, request.resource
    if user is None or permission is None or not user.is_active:
        return ""
    if user.has_perm(permission):
        return "role"
    instance = row.instance
    if isinstance(instance, Model) and instance.pk and user.has_perm(permission, instance):
        return "object"
    return ""


def _refusal(facts: Mapping[str, Any]) -> str:
    """Why not, in words for the person who is refused; empty when permitted."""
    open_to: list[str] = facts.get("open_to", [])
    if facts["by"] == "system":
        return "" if "system" in open_to else "The product's own processes do not do this."
    if "scope" in facts and not facts.get("has_scope"):
        return f"The token lacks the scope {facts['scope']}."
    if not facts.get("is_person"):
        return "" if "clients" in open_to else "This needs a token that acts for a person."
    return _missing_permission(facts, open_to)


def _missing_permission(facts: Mapping[str, Any], open_to: list[str]) -> str:
    if not facts.get("is_active"):
        return "The account is not active."
    if "everyone" in open_to or ("clients" in open_to and facts["by"] == "token"):
        return ""
    permission = facts.get("permission")
    if permission is None:
        return "No role may do this by hand."
    if facts.get("held"):
        return ""
    return f"Your roles do not include “{permission.rpartition('.')[2].replace('_', ' ')}”."
