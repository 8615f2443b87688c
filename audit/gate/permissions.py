"""The second voter: Django groups and django-guardian object permissions, and token scopes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db.models import Model

from audit.gate.types import Action, Request, Verdict, Vote

_DIGEST = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


class PermissionsVoter:
    """Its rules are this file; who holds which permission is itself in the ledger."""

    name = "permissions"
    digest = _DIGEST

    def vote(self, request: Request, _asked: Mapping[str, Any]) -> Vote:
        if refusal := _refusal(request):
            return Vote(self.name, Verdict.DENY, refusal, _DIGEST)
        return Vote(self.name, Verdict.ALLOW, "permitted", _DIGEST)


def _refusal(request: Request) -> str:
    """Why not, in words for the person who is refused; empty when permitted."""
    principal, action = request.principal, request.action
    if principal.kind == "system":
        return "" if action.is_for_system else "The product's own processes do not do this."
    if principal.scopes is not None and not principal.scopes & {action.scope, "admin"}:
        return f"The token lacks the scope {action.scope}."
    if principal.user is None:
        return "" if action.is_for_clients else "This needs a token that acts for a person."
    return _missing_permission(request, action)


def _missing_permission(request: Request, action: Action) -> str:
    user = request.principal.user
    if user is None or not user.is_active:
        return "The account is not active."
    is_client = request.principal.kind == "token"
    if action.is_for_everyone or (action.is_for_clients and is_client):
        return ""
    if action.permission is None:
        return "No role may do this by hand."
    if user.has_perm(action.permission):
        return ""
    instance = request.resource.instance
    if isinstance(instance, Model) and instance.pk and user.has_perm(action.permission, instance):
        return ""
    return f"Your roles do not include “{action.permission.rpartition('.')[2].replace('_', ' ')}”."
