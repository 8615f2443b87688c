"""One thing done to several incidents: answered with what became of each."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.inputs import checked
from incidents.api.moves import user_called
from incidents.api.shapes import Shape
from incidents.models import Incident
from incidents.services.bulk import MOST, Asked, Outcome, acknowledge_each, hand_over_each

LARGEST = 2**63 - 1


class AskedInput(Shape):
    number = serializers.IntegerField(
        min_value=1, max_value=LARGEST, help_text="Like 1042, of `INC-1042`."
    )
    version = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text="The one that you saw; else the current one counts.",
    )


class AcknowledgeInput(Shape):
    incidents = AskedInput(many=True, help_text=f"At most {MOST}.")


class HandOverInput(Shape):
    user = serializers.CharField(help_text="Username of who hands over.")
    to = serializers.CharField(help_text="Username of who takes over.")
    reason = serializers.CharField(help_text="Told on each timeline.")


class OutcomeShape(Shape):
    number = serializers.CharField(source="incident.number", default=None, allow_null=True)
    asked = serializers.IntegerField(source="number")
    done = serializers.SerializerMethodField()
    message = serializers.CharField()
    error_code = serializers.CharField(source="code", help_text="Empty where it was done.")

    def get_done(self, outcome: Outcome) -> bool:
        return not outcome.code


class OutcomesShape(Shape):
    results = OutcomeShape(many=True)


def answered(outcomes: list[Outcome]) -> Response:
    return Response({"results": OutcomeShape(outcomes, many=True).data})


class AcknowledgeSeveralView(IncidentsView):
    queryset: Any = Incident.objects.none()

    @extend_schema(
        operation_id="acknowledge_several", request=AcknowledgeInput, responses=OutcomesShape
    )
    def post(self, request: Request) -> Response:
        """Acknowledge each of these. Of one that cannot be, the answer says why; the others are."""
        given = checked(AcknowledgeInput, request)["incidents"]
        asked = [Asked(one["number"], one.get("version")) for one in given]
        return answered(acknowledge_each(asked, self.by))


class HandOverView(IncidentsView):
    queryset: Any = Incident.objects.none()

    @extend_schema(
        operation_id="hand_over_everything", request=HandOverInput, responses=OutcomesShape
    )
    def post(self, request: Request) -> Response:
        """Hand over every role that somebody holds in the open incidents that you may see."""
        given = checked(HandOverInput, request)
        people = user_called(given["user"]), user_called(given["to"], "to")
        return answered(hand_over_each(*people, self.by, given["reason"]))
