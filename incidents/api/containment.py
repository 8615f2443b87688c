"""What was done to contain an incident."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.subjects import name_people
from incidents.api.access import IncidentsView
from incidents.api.inputs import WhyInput, checked
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, unmoved, write
from incidents.models import ContainmentAction
from incidents.selectors.checklists import containment
from incidents.services.containment import containment_record, containment_reverse
from portal.lib.errors import NotFound


class ContainmentShape(Shape):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ContainmentAction.Kind.choices)
    target = serializers.CharField()
    performed_by = serializers.CharField()
    performed_at = Instant()
    recorded_by = serializers.CharField()
    recorded_at = Instant()
    reversed_at = Instant(allow_null=True)
    reversed_by = serializers.CharField()
    reversal_reason = serializers.CharField()


class ContainmentInput(Shape):
    kind = serializers.ChoiceField(choices=ContainmentAction.Kind.choices)
    target = serializers.CharField()
    performed_by = serializers.CharField(help_text="Who did it, in words.")
    performed_at = serializers.DateTimeField(required=False, help_text="Now without it.")


class ContainmentView(IncidentsView):
    @extend_schema(operation_id="incident_containment", responses=ContainmentShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """What was done to stop the damage, oldest first."""
        return Response(ContainmentShape(containment(self.incident(number)), many=True).data)

    @extend_schema(
        operation_id="incident_containment_record",
        request=ContainmentInput,
        responses={201: ContainmentShape},
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Record what was done."""
        incident = self.incident(number)
        given = checked(ContainmentInput, request)
        return write(
            request,
            lambda: containment_record(incident=incident, by=self.by, **given),
            lambda done: Answer(_shown(done), 201),
            guard=unmoved(request, incident),
        )


class ContainmentReverseView(IncidentsView):
    @extend_schema(request=WhyInput, responses=ContainmentShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It was taken back, for a reason."""
        incident = self.incident(number)
        found = incident.containment.filter(pk=pk).first()
        if found is None:
            raise NotFound
        given = checked(WhyInput, request)
        return write(
            request,
            lambda: containment_reverse(containment=found, by=self.by, **given),
            lambda done: Answer(_shown(done)),
            guard=unmoved(request, incident),
        )


def _shown(done: ContainmentAction) -> dict[str, Any]:
    name_people([done], "recorded_by", "reversed_by")
    return dict(ContainmentShape(done).data)
