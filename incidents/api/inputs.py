"""What the API takes. Every field is named here; others are ignored, and never reach a model."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from incidents.api.shapes import Shape
from incidents.models.incident import IncidentRole
from incidents.severity import Severity


def checked(shape: type[Shape], request: Request) -> dict[str, Any]:
    """The given fields. Raises REST framework's `ValidationError` with every one at fault."""
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class NewIncidentInput(Shape):
    title = serializers.CharField(max_length=255)
    severity = serializers.ChoiceField(choices=Severity.choices)
    service = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, help_text="The service's slug."
    )
    description = serializers.CharField(required=False, allow_blank=True)
    restricted = serializers.BooleanField(
        default=False,
        help_text="Hidden from its first moment from all but those let in, you among them.",
    )


class ReasonInput(Shape):
    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="The answer to what the step asks; some insist on it.",
    )


class WhyInput(Shape):
    reason = serializers.CharField()


class WhoInput(Shape):
    user = serializers.CharField(help_text="A username.")


class SeverityInput(WhyInput):
    severity = serializers.ChoiceField(choices=Severity.choices)


class AssignInput(WhoInput):
    role = serializers.ChoiceField(choices=IncidentRole.Role.choices)


class PostmortemInput(Shape):
    summary = serializers.CharField()
    impact = serializers.CharField()
    root_cause = serializers.CharField()
    five_whys = serializers.CharField()
    lessons = serializers.CharField(required=False, allow_blank=True)
    action_items = serializers.CharField(help_text="One a line, with its owner and due date.")
