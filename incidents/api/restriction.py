"""Who may know of an incident at all."""

from collections.abc import Callable

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import User
from incidents.api.access import IncidentsView
from incidents.api.incidents import shown
from incidents.api.inputs import checked
from incidents.api.moves import documented, user_called
from incidents.api.shapes import Shape
from incidents.api.writing import unmoved, write
from incidents.models import Incident
from incidents.services.restriction import (
    incident_let_in,
    incident_remove_person,
    incident_restrict,
    incident_unrestrict,
)


class WhyInput(Shape):
    reason = serializers.CharField()


class WhoInput(Shape):
    user = serializers.CharField(help_text="A username.")


class RestrictionView(IncidentsView):
    def change(
        self, request: Request, incident: Incident, call: Callable[[], Incident]
    ) -> Response:
        return write(
            request,
            call,
            lambda changed: shown(request, changed),
            guard=unmoved(request, incident),
        )


class RestrictView(RestrictionView):
    @documented(WhyInput)
    def post(self, request: Request, number: int) -> Response:
        """Hide it from all but those let in."""
        incident, given = self.incident(number), checked(WhyInput, request)
        return self.change(
            request,
            incident,
            lambda: incident_restrict(incident=incident, by=self.by, reason=given["reason"]),
        )


class UnrestrictView(RestrictionView):
    @documented(WhyInput)
    def post(self, request: Request, number: int) -> Response:
        """Lift the restriction. The shipped policy asks for a second person unless you command it."""
        incident, given = self.incident(number), checked(WhyInput, request)
        return self.change(
            request,
            incident,
            lambda: incident_unrestrict(incident=incident, by=self.by, reason=given["reason"]),
        )


class LetInView(RestrictionView):
    @documented(WhoInput)
    def post(self, request: Request, number: int) -> Response:
        """Let somebody in to a restricted incident."""
        incident, user = self.incident(number), _user(request)
        return self.change(
            request,
            incident,
            lambda: incident_let_in(incident=incident, by=self.by, user=user),
        )


class RemovePersonView(RestrictionView):
    @documented(WhoInput)
    def post(self, request: Request, number: int) -> Response:
        """Take somebody out of a restricted incident again."""
        incident, user = self.incident(number), _user(request)
        return self.change(
            request,
            incident,
            lambda: incident_remove_person(incident=incident, by=self.by, user=user),
        )


def _user(request: Request) -> User:
    return user_called(checked(WhoInput, request)["user"])
