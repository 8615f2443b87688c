"""What the API answers with: an explicit shape for each thing, instants in UTC. Here are those of
incidents; others stand beside the view that answers with them."""

from datetime import UTC
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from incidents.models import Incident
from incidents.models.incident import IncidentRole
from incidents.procedure import State, transitions_from
from incidents.severity import Severity

Shape = serializers.Serializer[Any]


class Instant(serializers.DateTimeField):
    """Out in UTC; in with its offset, or in UTC without one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)


class LinksShape(Shape):
    self = serializers.URLField()
    page = serializers.URLField(help_text="Where people see it.")


class EventLinksShape(Shape):
    self = serializers.URLField(help_text="The whole entry; needs the role of an auditor.")
    proof = serializers.URLField(help_text="C2SP tlog-proof, once a checkpoint covers the event.")


class IncidentShape(Shape):
    number = serializers.CharField(help_text="Like `INC-1042`.")
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    state = serializers.ChoiceField(choices=State.choices)
    version = serializers.IntegerField(help_text="For `If-Match`; counts the incident's moves.")
    service = serializers.CharField(source="service.slug", default=None, allow_null=True)
    is_restricted = serializers.BooleanField()
    is_drill = serializers.BooleanField()
    detected_at = Instant()
    acknowledged_at = Instant(allow_null=True)
    resolved_at = Instant(allow_null=True)
    ended_at = Instant(allow_null=True)
    next_target_at = Instant(
        allow_null=True, help_text="The nearest deadline of its running clocks."
    )
    links = serializers.SerializerMethodField()

    @extend_schema_field(LinksShape)
    def get_links(self, incident: Incident) -> dict[str, str]:
        return {
            "self": self._absolute("incidents-api:incident-detail", incident.pk),
            "page": self._absolute("incidents:incident-detail", incident.pk),
        }

    def _absolute(self, name: str, number: int) -> str:
        url: str = self.context["request"].build_absolute_uri(reverse(name, args=[number]))
        return url


class RoleShape(Shape):
    role = serializers.ChoiceField(choices=IncidentRole.Role.choices)
    user = serializers.CharField(source="user.username")
    assigned_at = Instant()


class TransitionShape(Shape):
    """One step that the procedure has from here."""

    name = serializers.CharField(help_text="POST to it below the incident.")
    label = serializers.CharField()  # type: ignore[assignment] # a field of that name
    asks = serializers.CharField(help_text="The question that `reason` answers.")
    is_reason_required = serializers.BooleanField()
    target = serializers.ChoiceField(choices=State.choices)


class IncidentDetailShape(IncidentShape):
    roles = serializers.SerializerMethodField()
    transitions = serializers.SerializerMethodField()

    @extend_schema_field(RoleShape(many=True))
    def get_roles(self, incident: Incident) -> Any:
        held = incident.roles.filter(ended_at=None).select_related("user").order_by("role")
        return RoleShape(held, many=True).data

    @extend_schema_field(TransitionShape(many=True))
    def get_transitions(self, incident: Incident) -> Any:
        possible = transitions_from(incident.state, incident.severity)
        return TransitionShape(possible, many=True).data


def event_links(request: Any, event: int) -> dict[str, str]:
    return {
        "self": request.build_absolute_uri(reverse("audit-api:event-detail", args=[event])),
        "proof": request.build_absolute_uri(reverse("audit-event-proof", args=[event])),
    }
