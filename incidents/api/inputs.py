"""What the API takes. Every field is named here; others are ignored, and never reach a model."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from incidents.api.shapes import Shape
from incidents.models import ActionItem
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
    contributing_factors = serializers.CharField(
        required=False, allow_blank=True, help_text="One a line."
    )
    went_well = serializers.CharField(required=False, allow_blank=True)
    went_wrong = serializers.CharField(required=False, allow_blank=True)
    lucky = serializers.CharField(required=False, allow_blank=True)
    lessons = serializers.CharField(required=False, allow_blank=True)


class SectionInput(Shape):
    text = serializers.CharField(allow_blank=True, help_text="Of a list, one a line.")
    seen = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="The `seen` of the section that you started from; that of now without it.",
    )


class NewWhyInput(Shape):
    text = serializers.CharField()
    parent = serializers.IntegerField(  # type: ignore[assignment] # a field of that name
        required=False, allow_null=True, help_text="The answer that this one explains."
    )


class ChangedWhyInput(Shape):
    text = serializers.CharField()
    seen = serializers.CharField(required=False, help_text="That of the why that you saw.")


class NewItemInput(Shape):
    text = serializers.CharField()
    owner = serializers.CharField(help_text="A username.")
    due_on = serializers.DateField()
    kind = serializers.ChoiceField(choices=ActionItem.Kind.choices)


class ChangedItemInput(Shape):
    text = serializers.CharField(required=False)
    owner = serializers.CharField(required=False, help_text="A username.")
    due_on = serializers.DateField(required=False)
    kind = serializers.ChoiceField(required=False, choices=ActionItem.Kind.choices)
