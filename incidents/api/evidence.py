"""What is kept as evidence of an incident."""

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
from incidents.models import EvidenceHold, Incident
from incidents.selectors.evidence import hold_of
from incidents.services.evidence import evidence_hold, evidence_release
from portal.lib.errors import NotFound


class HoldShape(Shape):
    services = serializers.ListField(
        child=serializers.CharField(), help_text="None: the logs of all services."
    )
    since = Instant()
    until = Instant(allow_null=True, help_text="None: until it is released.")
    placed_at = Instant()
    placed_by = serializers.CharField()
    released_at = Instant(allow_null=True)
    released_by = serializers.CharField()
    release_reason = serializers.CharField()


def _shown(hold: EvidenceHold) -> dict[str, Any]:
    name_people([hold], "placed_by", "released_by")
    return dict(HoldShape(hold).data)


class EvidenceView(IncidentsView):
    @extend_schema(responses=HoldShape)
    def get(self, _request: Request, number: int) -> Response:
        """The newest hold, in force or released; 404 where evidence was never preserved."""
        return Response(_shown(_newest(self.incident(number))))

    @extend_schema(request=None, responses={201: HoldShape}, parameters=HEADERS)
    def post(self, request: Request, number: int) -> Response:
        """Preserve: from an hour before the first sign, for its service, until released."""
        incident = self.incident(number)
        return write(
            request,
            lambda: evidence_hold(incident=incident, by=self.by),
            lambda hold: Answer(_shown(hold), 201),
            guard=unmoved(request, incident),
        )


class EvidenceReleaseView(IncidentsView):
    @extend_schema(request=WhyInput, responses=HoldShape, parameters=HEADERS)
    def post(self, request: Request, number: int) -> Response:
        """Release; what was kept goes by the usual retention again."""
        incident = self.incident(number)
        hold, given = _newest(incident), checked(WhyInput, request)
        return write(
            request,
            lambda: evidence_release(hold=hold, by=self.by, **given),
            lambda released: Answer(_shown(released)),
            guard=unmoved(request, incident),
        )


def _newest(incident: Incident) -> EvidenceHold:
    hold = hold_of(incident)
    if hold is None:
        raise NotFound
    return hold
