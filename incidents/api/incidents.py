from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.filters import IncidentFilters
from incidents.api.inputs import NewIncidentInput, checked
from incidents.api.paging import ListView
from incidents.api.shapes import IncidentDetailShape, IncidentShape
from incidents.api.writing import HEADERS, Answer, etag, write
from incidents.models import Incident, Service
from incidents.selectors import incidents_visible_to
from incidents.services.incidents import incident_open, incident_open_restricted
from portal.lib.errors import FieldError, ValidationFailed


def shown(request: Request, incident: Incident, *, is_new: bool = False) -> Answer:
    body = IncidentDetailShape(incident, context={"request": request}).data
    headers = etag(incident.version)
    if is_new:
        headers["Location"] = reverse("incidents-api:incident-detail", args=[incident.pk])
    return Answer(dict(body), 201 if is_new else 200, headers)


class IncidentListView(ListView):
    queryset: Any = Incident.objects.none()
    serializer_class = IncidentShape
    filterset_class = IncidentFilters

    @extend_schema(operation_id="incidents", responses=IncidentShape(many=True))
    def get(self, _request: Request) -> Response:
        """Incidents that you may see, newest first."""
        return self.page(incidents_visible_to(self.by).select_related("service"))

    @extend_schema(
        operation_id="incident_open",
        request=NewIncidentInput,
        responses={201: IncidentDetailShape},
        parameters=HEADERS[:1],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Open an incident that a person reports; `restricted`, for who may restrict one."""
        given = checked(NewIncidentInput, request)
        service, is_restricted = _service(given.get("service") or ""), given["restricted"]
        opening = incident_open_restricted if is_restricted else incident_open
        return write(
            request,
            lambda: opening(
                # New at each try: what a refused one left behind must not be saved by the next.
                incident=Incident(
                    title=given["title"],
                    severity=given["severity"],
                    service=service,
                    is_restricted=is_restricted,
                ),
                by=self.by,
                description=given.get("description", ""),
            ),
            lambda incident: shown(request, incident, is_new=True),
        )


class IncidentView(IncidentsView):
    @extend_schema(operation_id="incident", responses=IncidentDetailShape)
    def get(self, request: Request, number: int) -> Response:
        """One incident, who holds its roles, and which steps are possible now."""
        return shown(request, self.incident(number)).response()


def _service(slug: str) -> Service | None:
    if not slug:
        return None
    found = Service.objects.filter(slug=slug).first()
    if found is None:
        raise ValidationFailed([FieldError("service", "There is no service with this slug.")])
    return found
