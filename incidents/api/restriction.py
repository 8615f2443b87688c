"""Who may know of an incident at all."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.incidents import shown
from incidents.api.inputs import WhoInput, WhyInput, checked
from incidents.api.moves import documented, user_called
from incidents.api.writing import unmoved, write
from incidents.models import Incident
from incidents.services.restriction import (
    incident_let_in,
    incident_remove_person,
    incident_restrict,
    incident_unrestrict,
)


class RestrictionView(IncidentsView):
    """`service` is what each of them does; its docstring is what the API says of it."""

    service: Callable[..., Incident]

    def change(self, request: Request, incident: Incident, **arguments: Any) -> Response:
        return write(
            request,
            partial(self.service, incident=incident, by=self.by, **arguments),
            lambda changed: shown(request, changed),
            guard=unmoved(request, incident),
        )


class _ForAReason(RestrictionView):
    @documented(WhyInput)
    def post(self, request: Request, number: int) -> Response:
        incident = self.incident(number)
        return self.change(request, incident, **checked(WhyInput, request))


class _OfAPerson(RestrictionView):
    @documented(WhoInput)
    def post(self, request: Request, number: int) -> Response:
        # First, so that who may not know of the incident learns nothing of people either.
        incident = self.incident(number)
        user = user_called(checked(WhoInput, request)["user"])
        return self.change(request, incident, user=user)


class RestrictView(_ForAReason):
    """Hide it from all but those let in."""

    service = staticmethod(incident_restrict)


class UnrestrictView(_ForAReason):
    """Lift the restriction. The shipped policy asks for a second person unless you command it."""

    service = staticmethod(incident_unrestrict)


class LetInView(_OfAPerson):
    """Let somebody in to a restricted incident."""

    service = staticmethod(incident_let_in)


class RemovePersonView(_OfAPerson):
    """Take somebody out of a restricted incident again."""

    service = staticmethod(incident_remove_person)
