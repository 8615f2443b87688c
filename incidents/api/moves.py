"""The steps of the procedure, one URL each, and what the commander decides beside them."""

from collections.abc import Callable
from typing import TypeVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import User
from incidents.api.access import IncidentsView
from incidents.api.incidents import shown
from incidents.api.inputs import AssignInput, ReasonInput, SeverityInput, checked
from incidents.api.shapes import IncidentDetailShape, Shape
from incidents.api.writing import HEADERS, seen_version, unmoved, write
from incidents.models.incident import IncidentRole
from incidents.services.incidents import (
    incident_assign,
    incident_change_severity,
    incident_transition,
)
from incidents.severity import Severity
from portal.lib.errors import FieldError, ValidationFailed

View = TypeVar("View", bound=Callable[..., Response])


def documented(shape: type[Shape]) -> Callable[[View], View]:
    return extend_schema(request=shape, responses=IncidentDetailShape, parameters=HEADERS)


class MoveView(IncidentsView):
    """`transition` is one of `procedure.NAMES`."""

    transition = ""

    @documented(ReasonInput)
    def post(self, request: Request, number: int) -> Response:
        """Take this step, if the procedure has it from where the incident stands."""
        incident = self.incident(number)
        given = checked(ReasonInput, request)
        version = seen_version(request)
        return write(
            request,
            lambda: incident_transition(
                incident=incident,
                name=self.transition,
                by=self.by,
                version=version,
                reason=given.get("reason", ""),
            ),
            lambda moved: shown(request, moved),
        )


class ChangeSeverityView(IncidentsView):
    @documented(SeverityInput)
    def post(self, request: Request, number: int) -> Response:
        """Change the severity; the clocks go on under the new one's targets."""
        incident = self.incident(number)
        given = checked(SeverityInput, request)
        version = seen_version(request)
        return write(
            request,
            lambda: incident_change_severity(
                incident=incident,
                by=self.by,
                severity=Severity(given["severity"]),
                reason=given["reason"],
                version=version,
            ),
            lambda changed: shown(request, changed),
        )


class AssignView(IncidentsView):
    @documented(AssignInput)
    def post(self, request: Request, number: int) -> Response:
        """Give a role to somebody; whoever held it hands it over."""
        incident = self.incident(number)
        given = checked(AssignInput, request)
        user = user_called(given["user"])
        return write(
            request,
            lambda: incident_assign(
                incident=incident, by=self.by, role=IncidentRole.Role(given["role"]), user=user
            ),
            lambda role: shown(request, role.incident),
            guard=unmoved(request, incident),
        )


def user_called(username: str, field: str = "user") -> User:
    found = User.objects.filter(username=username).first()
    if found is None:
        raise ValidationFailed([FieldError(field, "There is nobody with this username.")])
    return found
