from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.paging import ListView
from incidents.api.shapes import Instant, Shape
from incidents.models import Alert
from incidents.severity import Severity


class PeriodShape(Shape):
    """A firing period: from an alert's first firing to its resolve."""

    status = serializers.ChoiceField(choices=Alert.Status.choices)
    period = serializers.CharField()
    starts_at = Instant(allow_null=True, help_text="As the detector gave it.")
    ends_at = Instant(allow_null=True, help_text="As the detector gave it.")
    first_seen_at = Instant()
    last_seen_at = Instant()
    resolved_at = Instant(allow_null=True)
    receipt_count = serializers.IntegerField()


class AlertShape(PeriodShape):
    source = serializers.CharField(source="source.slug")  # type: ignore[assignment] # a field of that name
    dedup_key = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    summary = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField())
    links = serializers.ListField(child=serializers.CharField())


class IncidentAlertsView(ListView):
    queryset: Any = Alert.objects.none()
    serializer_class = AlertShape
    filter_backends = ()

    @extend_schema(operation_id="incident_alerts", responses=AlertShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """The firing periods that belong to the incident, newest first."""
        return self.page(self.incident(number).alerts.select_related("source"))
