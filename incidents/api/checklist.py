"""The checklist of an incident. An item's `If-Match` is its own version."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.subjects import name_people
from incidents.api.access import IncidentsView
from incidents.api.inputs import WhyInput, checked
from incidents.api.moves import user_called
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, etag, seen_version, write
from incidents.models import ChecklistItem
from incidents.selectors.checklists import whole_checklist
from incidents.services.checklists import (
    checklist_item_add,
    checklist_item_assign,
    checklist_item_complete,
    checklist_item_reopen,
    checklist_item_skip,
)
from portal.lib.errors import FieldError, NotFound, ValidationFailed


class ChecklistItemShape(Shape):
    id = serializers.IntegerField()
    step = serializers.IntegerField()
    round = serializers.IntegerField(help_text="How often the step was begun by then.")
    text = serializers.CharField()
    is_required = serializers.BooleanField()
    assignee = serializers.CharField(source="assignee.username", default=None, allow_null=True)
    state = serializers.ChoiceField(choices=ChecklistItem.State.choices)
    reason = serializers.CharField()
    evidence = serializers.CharField()
    evidence_url = serializers.CharField()
    done_by = serializers.CharField()
    done_at = Instant(allow_null=True)
    version = serializers.IntegerField(help_text="For `If-Match`.")


class NewChecklistItemInput(Shape):
    text = serializers.CharField()
    assignee = serializers.CharField(required=False, allow_null=True, help_text="A username.")
    is_required = serializers.BooleanField(default=False)


class ChecklistAssignInput(Shape):
    assignee = serializers.CharField(allow_null=True, help_text="A username; null for nobody.")


class ChecklistDoneInput(Shape):
    reason = serializers.CharField(required=False, allow_blank=True)
    evidence = serializers.CharField(required=False, allow_blank=True)
    evidence_url = serializers.CharField(
        required=False, allow_blank=True, help_text="Begins with https:// or http://."
    )


class ChecklistView(IncidentsView):
    @extend_schema(operation_id="incident_checklist", responses=ChecklistItemShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """What was and is to be done, of all steps that were begun."""
        found = whole_checklist(self.incident(number))
        return Response(ChecklistItemShape(found, many=True).data)

    @extend_schema(
        operation_id="incident_checklist_add",
        request=NewChecklistItemInput,
        responses={201: ChecklistItemShape},
        parameters=HEADERS[:1],
    )
    def post(self, request: Request, number: int) -> Response:
        """Add an item to the step that the incident is at."""
        incident = self.incident(number)
        given = checked(NewChecklistItemInput, request)
        given["assignee"] = _assignee(given.get("assignee"))
        return write(
            request,
            lambda: checklist_item_add(incident=incident, by=self.by, **given),
            lambda item: _shown(item, 201),
        )


class ChecklistItemView(IncidentsView):
    http_method_names = ["post", "options"]

    def change(
        self, request: Request, number: int, pk: int, service: Any, **given: Any
    ) -> Response:
        incident = self.incident(number)
        item = incident.checklist.filter(pk=pk).first()
        if item is None:
            raise NotFound
        item.incident = incident
        version = seen_version(request)
        seen = item.version if version is None else version
        return write(request, lambda: service(item=item, by=self.by, version=seen, **given), _shown)


class ChecklistAssignView(ChecklistItemView):
    @extend_schema(request=ChecklistAssignInput, responses=ChecklistItemShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """Somebody does it, or nobody in particular."""
        assignee = _assignee(checked(ChecklistAssignInput, request)["assignee"])
        return self.change(request, number, pk, checklist_item_assign, assignee=assignee)


class ChecklistCompleteView(ChecklistItemView):
    @extend_schema(request=ChecklistDoneInput, responses=ChecklistItemShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It is done, with what shows it."""
        given = checked(ChecklistDoneInput, request)
        return self.change(request, number, pk, checklist_item_complete, **given)


class ChecklistSkipView(ChecklistItemView):
    @extend_schema(request=WhyInput, responses=ChecklistItemShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It does not apply, for a reason."""
        given = checked(WhyInput, request)
        return self.change(request, number, pk, checklist_item_skip, **given)


class ChecklistReopenView(ChecklistItemView):
    @extend_schema(request=None, responses=ChecklistItemShape, parameters=HEADERS)
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It is to be done after all."""
        return self.change(request, number, pk, checklist_item_reopen)


def _shown(item: ChecklistItem, status: int = 200) -> Answer:
    name_people([item], "done_by")
    return Answer(dict(ChecklistItemShape(item).data), status, etag(item.version))


def _assignee(username: str | None) -> Any:
    if username is None:
        return None
    try:
        return user_called(username)
    except ValidationFailed as error:
        raise ValidationFailed([FieldError("assignee", error.errors[0].message)]) from error
