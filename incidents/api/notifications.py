"""Notifications: who was told of what, and what each attempt came to."""

import re
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CharField
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.inputs import ReasonInput, WhyInput, checked
from incidents.api.paging import ListView
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, write
from incidents.models import ChannelKind, Notification, NotificationAttempt, Reason
from incidents.selectors.notifications import (
    FAILING,
    NotificationFilter,
    attempts,
    notification_get,
    notifications_visible_to,
)
from incidents.services.delivery import notification_resend, notification_set_aside

STATES = [*Notification.State.choices, (FAILING, "Failing, tried again")]
_NUMBER = re.compile(r"(?:INC-)?([0-9]{1,18})")


class NumberField(CharField):
    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        found = _NUMBER.fullmatch(text) if text else None
        if text and found is None:
            message = "must be a number like INC-1042"
            raise ValidationError(message)
        return int(found[1]) if found else None


@extend_schema_field(OpenApiTypes.STR)
class NumberFilter(filters.Filter):  # type: ignore[misc] # no stubs
    field_class = NumberField


class NotificationFilters(filters.FilterSet):  # type: ignore[misc] # no stubs
    state = filters.ChoiceFilter(choices=STATES, help_text="A state, or `failing`.")
    kind = filters.ChoiceFilter(choices=ChannelKind.choices)
    reason = filters.ChoiceFilter(choices=Reason.choices)
    incident = NumberFilter(help_text="The incident's number.")

    class Meta:
        model = Notification
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Notification]) -> QuerySet[Notification]:
        given = self.form.cleaned_data
        wanted = NotificationFilter(
            state=given["state"] or "",
            kind=given["kind"] or "",
            reason=given["reason"] or "",
            incident=given["incident"],
        )
        return wanted.apply(queryset)


class NotificationLinksShape(Shape):
    self = serializers.URLField()
    page = serializers.URLField(help_text="Where people see it.")


class NotificationShape(Shape):
    id = serializers.UUIDField(source="public_id")
    incident = serializers.SerializerMethodField(help_text="Its number; null for a test.")
    reason = serializers.ChoiceField(choices=Reason.choices)
    severity = serializers.CharField(help_text="Of the incident, as it was told.")
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    to = serializers.SerializerMethodField(help_text="The channel, the team, or a username.")
    state = serializers.ChoiceField(choices=Notification.State.choices)
    is_failing = serializers.BooleanField(help_text="Waiting to be tried again.")
    queued_at = Instant()
    settled_at = Instant(allow_null=True)
    retry_at = Instant(allow_null=True)
    event = serializers.IntegerField(source="event_id", help_text="The event that caused it.")
    links = serializers.SerializerMethodField()

    def get_incident(self, row: Notification) -> str | None:
        return row.incident.number if row.incident else None

    def get_to(self, row: Notification) -> str:
        return row.person.username if row.person else row.addressee

    @extend_schema_field(NotificationLinksShape)
    def get_links(self, row: Notification) -> dict[str, str]:
        request = self.context["request"]
        names = {"self": "incidents-api:notification", "page": "incidents:notification"}
        return {
            key: request.build_absolute_uri(reverse(name, args=[row.public_id]))
            for key, name in names.items()
        }


class AttemptShape(Shape):
    begun_at = Instant()
    milliseconds = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=NotificationAttempt.Outcome.choices)
    status = serializers.IntegerField(allow_null=True, help_text="Of HTTP, or of SMTP.")
    error = serializers.CharField()
    answer = serializers.CharField(help_text="As they gave it, without secrets.")


class NotificationDetailShape(NotificationShape):
    message = serializers.JSONField(help_text="What is said, whatever it is sent by.")
    reference = serializers.CharField(help_text="What the receiver calls it.")
    resends = serializers.IntegerField()
    attempts = serializers.SerializerMethodField()

    @extend_schema_field(AttemptShape(many=True))
    def get_attempts(self, row: Notification) -> Any:
        return AttemptShape(attempts(row), many=True).data


class NotificationListView(ListView):
    queryset: Any = Notification.objects.none()
    serializer_class = NotificationShape
    filterset_class = NotificationFilters

    @extend_schema(operation_id="notifications", responses=NotificationShape(many=True))
    def get(self, _request: Request) -> Response:
        """Notifications of incidents that you may see, newest first."""
        rows = notifications_visible_to(self.by)
        return self.page(rows.select_related("incident", "person"))


class NotificationView(IncidentsView):
    @extend_schema(operation_id="notification", responses=NotificationDetailShape)
    def get(self, request: Request, public_id: uuid.UUID) -> Response:
        """One notification, and what each attempt came to."""
        return _shown(request, notification_get(self.by, public_id)).response()


class ResendView(IncidentsView):
    @extend_schema(
        operation_id="notification_resend",
        request=ReasonInput,
        responses=NotificationDetailShape,
        parameters=HEADERS[:1],
    )
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """Send again what was given up."""
        row = notification_get(self.by, public_id)
        reason = checked(ReasonInput, request).get("reason", "")
        return write(
            request,
            lambda: notification_resend(notification=row, by=self.by, reason=reason),
            lambda changed: _shown(request, changed),
        )


class SetAsideView(IncidentsView):
    @extend_schema(
        operation_id="notification_set_aside",
        request=WhyInput,
        responses=NotificationDetailShape,
        parameters=HEADERS[:1],
    )
    def post(self, request: Request, public_id: uuid.UUID) -> Response:
        """No longer want what was given up."""
        row = notification_get(self.by, public_id)
        reason = checked(WhyInput, request)["reason"]
        return write(
            request,
            lambda: notification_set_aside(notification=row, by=self.by, reason=reason),
            lambda changed: _shown(request, changed),
        )


def _shown(request: Request, row: Notification) -> Answer:
    return Answer(dict(NotificationDetailShape(row, context={"request": request}).data))
