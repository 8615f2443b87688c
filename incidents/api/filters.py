"""What the list of incidents can be narrowed to."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import Field
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from audit.event_filters import parse_filter
from incidents.models import Incident, Service
from incidents.procedure import State
from incidents.selectors.lists import IncidentFilter
from incidents.severity import Severity
from portal.lib.errors import ValidationFailed

MAX_TEXT = 200
STATES = [("open", "Open"), ("ended", "Ended"), *State.choices]


class InstantField(Field):
    """Reads instants as the list of events does."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            return parse_filter({"from": value or ""}).since
        except ValidationFailed as error:
            raise ValidationError(error.errors[0].message) from error


@extend_schema_field(OpenApiTypes.DATETIME)
class InstantFilter(filters.Filter):  # type: ignore[misc] # no stubs
    field_class = InstantField


class IncidentFilters(filters.FilterSet):  # type: ignore[misc] # no stubs
    state = filters.ChoiceFilter(choices=STATES, help_text="A state, or `open`, or `ended`.")
    severity = filters.ChoiceFilter(choices=Severity.choices)
    service = filters.ModelChoiceFilter(
        queryset=Service.objects.all(), to_field_name="slug", help_text="The service's slug."
    )
    text = filters.CharFilter(
        max_length=MAX_TEXT, help_text="All of these words in the title, or the number."
    )

    class Meta:
        model = Incident
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        given = self.form.cleaned_data
        service = given["service"]
        wanted = IncidentFilter(
            state=given["state"] or "",
            severity=given["severity"] or "",
            service=service.pk if service else None,
            since=given["from"],
            until=given["to"],
            text=given["text"] or "",
        )
        return wanted.apply(queryset)


# `from` is a word of Python.
IncidentFilters.base_filters["from"] = InstantFilter(help_text="Detected at or after this instant.")
IncidentFilters.base_filters["to"] = InstantFilter(help_text="Detected before this instant.")
