from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import Event
from audit.subjects import name_people
from incidents.api.paging import ListView
from incidents.api.shapes import EventLinksShape, Instant, Shape, event_links
from incidents.selectors.record import incident_events


class EventShape(Shape):
    """The outline of an entry. The entry itself is for those who may read the record."""

    id = serializers.IntegerField()
    event = serializers.CharField()
    timestamp = Instant(source="at")
    actor = serializers.CharField()
    action = serializers.CharField()
    target = serializers.CharField()
    verdict = serializers.CharField()
    trace_id = serializers.CharField()
    links = serializers.SerializerMethodField()

    @extend_schema_field(EventLinksShape)
    def get_links(self, event: Event) -> dict[str, str]:
        return event_links(self.context["request"], event.pk)


class IncidentLedgerView(ListView):
    queryset: Any = Event.objects.none()
    serializer_class = EventShape
    filter_backends = ()

    def name(self, rows: list[Event]) -> None:
        name_people(rows, "actor")

    @extend_schema(operation_id="incident_ledger", responses=EventShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """What the ledger holds about the incident, refusals included, newest first."""
        return self.page(incident_events(self.incident(number)))
