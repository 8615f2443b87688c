"""Who may read the record through the API: a scope for tokens, and the permission for people."""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.authentication import principal_of
from portal.lib.errors import GovernanceDenied


class ReadsRecord(BasePermission):
    def has_permission(self, request: Request, _view: APIView) -> bool:
        principal = principal_of(request)
        if principal.scopes is not None and not principal.scopes & {"audit:read", "admin"}:
            raise GovernanceDenied("The token lacks the scope audit:read.")
        if principal.user is not None and not principal.user.has_perm("audit.view_event"):
            raise GovernanceDenied("Reading the record needs a role that includes it.")
        return True


class WhateverIsAccepted(DefaultContentNegotiation):
    """What is asked for has one form, so that `Accept` has nothing to choose from."""

    def select_renderer(
        self, _request: object, renderers: Any, _suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
