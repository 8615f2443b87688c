from collections import defaultdict
from typing import Any

from django.db.models.functions import Now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import sla
from incidents.api.access import IncidentsView
from incidents.api.shapes import Instant, Shape
from incidents.models.clock import ClockKind, ClockLeg
from incidents.severity import Severity


class LegShape(Shape):
    phase = serializers.ChoiceField(choices=ClockLeg.Phase.choices)
    severity = serializers.ChoiceField(choices=Severity.choices)
    began_at = Instant()
    target_seconds = serializers.SerializerMethodField(help_text="What was promised.")
    target_at = Instant(allow_null=True)
    policy_version = serializers.CharField()
    reason = serializers.CharField()

    def get_target_seconds(self, leg: ClockLeg) -> float | None:
        return leg.target.total_seconds() if leg.target is not None else None


class ClockShape(Shape):
    kind = serializers.ChoiceField(choices=ClockKind.choices)
    cycle = serializers.IntegerField(help_text="A recurring clock begins anew when it is met.")
    state = serializers.ChoiceField(
        choices=[(state.value, state.value) for state in sla.ClockState]
    )
    target_at = Instant(allow_null=True, help_text="The deadline that counts.")
    breached_at = Instant(allow_null=True)
    legs = LegShape(many=True)


class ClocksShape(Shape):
    results = ClockShape(many=True)


class IncidentClocksView(IncidentsView):
    @extend_schema(operation_id="incident_clocks", responses=ClocksShape)
    def get(self, _request: Request, number: int) -> Response:
        """Every clock that the incident ever had, and how each stands now, by the database's time."""
        clocks: dict[tuple[str, int], list[Any]] = defaultdict(list)
        legs = self.incident(number).clock_legs.annotate(read_at=Now())
        for leg in legs.order_by("kind", "cycle", "position"):
            clocks[leg.kind, leg.cycle].append(leg)
        results = [_clock(kind, cycle, legs) for (kind, cycle), legs in clocks.items()]
        return Response(ClocksShape({"results": results}).data)


def _clock(kind: str, cycle: int, legs: list[Any]) -> dict[str, Any]:
    verdict = sla.verdict([leg.to_leg() for leg in legs], legs[-1].read_at)
    return {
        "kind": kind,
        "cycle": cycle,
        "state": verdict.state,
        "target_at": verdict.target_at,
        "breached_at": verdict.breached_at,
        "legs": legs,
    }
