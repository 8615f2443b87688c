"""A role goes from one to another once both said so."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.incidents import shown
from incidents.api.inputs import AssignInput, WhyInput, checked
from incidents.api.moves import documented, user_called
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, unmoved, write
from incidents.models import IncidentRole, RoleHandover
from incidents.services.handovers import (
    role_accept,
    role_decline,
    role_offer,
    role_take,
    role_withdraw,
)
from portal.lib.errors import NotFound


class HandoverShape(Shape):
    id = serializers.IntegerField()
    role = serializers.ChoiceField(choices=IncidentRole.Role.choices)
    holder = serializers.CharField(source="holder.username")
    successor = serializers.CharField(source="successor.username")
    note = serializers.CharField()
    state = serializers.ChoiceField(choices=RoleHandover.State.choices)
    reason = serializers.CharField()
    offered_at = Instant()
    settled_at = Instant(allow_null=True)


class OfferInput(AssignInput):
    note = serializers.CharField(required=False, allow_blank=True)


class TakeInput(WhyInput):
    role = serializers.ChoiceField(choices=IncidentRole.Role.choices)


class HandoversView(IncidentsView):
    @extend_schema(operation_id="incident_handovers", responses=HandoverShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """The newest hundred offers of roles, newest first."""
        rows = self.incident(number).handovers.select_related("holder", "successor")
        return Response(HandoverShape(rows[:100], many=True).data)

    @extend_schema(
        operation_id="incident_role_offer",
        request=OfferInput,
        responses={201: HandoverShape},
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Offer a role that you hold; nothing changes until the other accepts."""
        incident, given = self.incident(number), checked(OfferInput, request)
        user, role = user_called(given["user"]), IncidentRole.Role(given["role"])
        note = given.get("note", "")
        return write(
            request,
            lambda: role_offer(incident=incident, by=self.by, role=role, user=user, note=note),
            lambda offer: Answer(dict(HandoverShape(offer).data), 201),
            guard=unmoved(request, incident),
        )


class HandoverView(IncidentsView):
    def answer(
        self, request: Request, number: int, pk: int, service: Any, show: Any, **given: Any
    ) -> Response:
        incident = self.incident(number)
        rows = incident.handovers.select_related("holder", "successor", "incident")
        offer = rows.filter(pk=pk).first()
        if offer is None:
            raise NotFound
        guard = unmoved(request, incident)
        return write(request, lambda: service(offer=offer, by=self.by, **given), show, guard=guard)


class HandoverAcceptView(HandoverView):
    @extend_schema(request=None, responses=HandoverShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """Accept what was offered to you: the role is yours."""

        def show(_role: IncidentRole) -> Answer:
            return _shown(RoleHandover.objects.select_related("holder", "successor").get(pk=pk))

        return self.answer(request, number, pk, role_accept, show)


class HandoverDeclineView(HandoverView):
    @extend_schema(request=WhyInput, responses=HandoverShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """Decline what was offered to you, for a reason."""
        given = checked(WhyInput, request)
        return self.answer(request, number, pk, role_decline, _shown, **given)


class HandoverWithdrawView(HandoverView):
    @extend_schema(request=None, responses=HandoverShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """Take back what you offered."""
        return self.answer(request, number, pk, role_withdraw, _shown)


class TakeRoleView(IncidentsView):
    @documented(TakeInput)
    def post(self, request: Request, number: int) -> Response:
        """Take a role that nobody holds, or whose holder does not answer, for a reason."""
        incident, given = self.incident(number), checked(TakeInput, request)
        role, reason = IncidentRole.Role(given["role"]), given["reason"]
        return write(
            request,
            lambda: role_take(incident=incident, by=self.by, role=role, reason=reason),
            lambda taken: shown(request, taken.incident),
            guard=unmoved(request, incident),
        )


def _shown(offer: RoleHandover) -> Answer:
    return Answer(dict(HandoverShape(offer).data))
