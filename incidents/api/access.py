"""Who may use the API of incidents: a session, or a token with the scope that acts for a person.

Reads are not gated; what they show starts from the visibility selector, so that what a caller may
not see is not found. Writes are governed calls, decided by the gate.
"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.authentication import principal_of
from audit.principal import Principal
from incidents.models import Incident
from incidents.selectors import incident_get
from incidents.selectors.visibility import READ_SCOPES
from portal.lib.errors import GovernanceDenied


class ReadsIncidents(BasePermission):
    def has_permission(self, request: Request, _view: APIView) -> bool:
        principal = principal_of(request)
        if principal.scopes is not None and not principal.scopes & READ_SCOPES:
            raise GovernanceDenied("The token lacks the scope incidents:read.")
        return True


class IncidentsView(APIView):
    permission_classes: Any = (ReadsIncidents,)

    @property
    def by(self) -> Principal:
        return principal_of(self.request)

    def incident(self, number: int) -> Incident:
        return incident_get(self.by, number)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers.setdefault("Cache-Control", "private, no-store")
        return final
