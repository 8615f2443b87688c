"""Action items: of one postmortem, and all that somebody may see. `If-Match` is the item's own version."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.inputs import ChangedItemInput, NewItemInput, WhyInput, checked
from incidents.api.moves import user_called
from incidents.api.paging import ListView
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, etag, seen_version, write
from incidents.models import ActionItem
from incidents.selectors import war_room as read
from incidents.selectors.action_items import items_visible_to
from incidents.services.action_items import (
    action_item_add,
    action_item_change,
    action_item_complete,
    action_item_drop,
    action_item_reopen,
)
from portal.lib.errors import FieldError, NotFound, ValidationFailed


class ItemShape(Shape):
    id = serializers.IntegerField()
    incident = serializers.CharField(source="postmortem.incident.number")
    text = serializers.CharField()
    owner = serializers.CharField(source="owner.username")
    due_on = serializers.DateField()
    kind = serializers.ChoiceField(choices=ActionItem.Kind.choices)
    state = serializers.ChoiceField(choices=ActionItem.State.choices)
    reason = serializers.CharField(allow_blank=True, help_text="Why it was dropped.")
    added_at = Instant()
    done_at = Instant(allow_null=True)
    version = serializers.IntegerField(help_text="For `If-Match`.")


class ItemListView(ListView):
    queryset: Any = ActionItem.objects.none()
    serializer_class = ItemShape
    filter_backends = ()

    @extend_schema(
        operation_id="action_items",
        responses=ItemShape(many=True),
        parameters=[
            OpenApiParameter("state", str, enum=ActionItem.State.values),
            OpenApiParameter("owner", str, description="A username."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The action items of all incidents that you may see, the newest first."""
        rows = items_visible_to(self.by).select_related("owner", "postmortem__incident")
        if state := request.query_params.get("state"):
            if state not in ActionItem.State.values:
                message = f"One of {', '.join(ActionItem.State.values)}."
                raise ValidationFailed([FieldError("state", message)])
            rows = rows.filter(state=state)
        if owner := request.query_params.get("owner"):
            rows = rows.filter(owner__username=owner.replace("\0", ""))
        return self.page(rows)


class NewItemView(IncidentsView):
    @extend_schema(
        operation_id="incident_action_item_add",
        request=NewItemInput,
        responses={201: ItemShape},
        parameters=HEADERS[:1],
    )
    def post(self, request: Request, number: int) -> Response:
        """Add an action item while the postmortem is written."""
        postmortem = read.postmortem(self.incident(number))
        if postmortem is None:
            raise NotFound
        given = checked(NewItemInput, request)
        owner = _owner(given["owner"])
        return write(
            request,
            lambda: action_item_add(postmortem=postmortem, by=self.by, **{**given, "owner": owner}),
            lambda item: shown(item, status=201),
        )


class ItemView(IncidentsView):
    """`service` is what a POST does; without one, this is the item itself."""

    def item(self, number: int, pk: int) -> ActionItem:
        incident = self.incident(number)
        found = (
            ActionItem.objects.filter(postmortem__incident=incident, pk=pk)
            .select_related("owner", "postmortem__incident")
            .first()
        )
        if found is None:
            raise NotFound
        return found

    def change(self, request: Request, item: ActionItem, service: Any, **given: Any) -> Response:
        version = seen_version(request)
        seen = item.version if version is None else version
        return write(request, lambda: service(item=item, by=self.by, version=seen, **given), shown)

    @extend_schema(operation_id="incident_action_item", responses=ItemShape)
    def get(self, _request: Request, number: int, pk: int) -> Response:
        """One action item."""
        return shown(self.item(number, pk)).response()

    @extend_schema(
        operation_id="incident_action_item_change",
        request=ChangedItemInput,
        responses=ItemShape,
        parameters=HEADERS,
    )
    def patch(self, request: Request, number: int, pk: int) -> Response:
        """Change what it says, its owner, its day or its kind. Also after the acceptance."""
        item = self.item(number, pk)
        given = checked(ChangedItemInput, request)
        if "owner" in given:
            given["owner"] = _owner(given["owner"])
        return self.change(request, item, action_item_change, fields=given)


class CompleteItemView(ItemView):
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="incident_action_item_complete",
        request=None,
        responses=ItemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It is done."""
        return self.change(request, self.item(number, pk), action_item_complete)


class ReopenItemView(ItemView):
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="incident_action_item_reopen",
        request=None,
        responses=ItemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It is to be done after all."""
        return self.change(request, self.item(number, pk), action_item_reopen)


class DropItemView(ItemView):
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="incident_action_item_drop",
        request=WhyInput,
        responses=ItemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int, pk: int) -> Response:
        """It will not be done, for a reason."""
        item = self.item(number, pk)
        reason = checked(WhyInput, request)["reason"]
        return self.change(request, item, action_item_drop, reason=reason)


def shown(item: ActionItem, status: int = 200) -> Answer:
    return Answer(dict(ItemShape(item).data), status, etag(item.version))


def _owner(username: str) -> Any:
    try:
        return user_called(username)
    except ValidationFailed as error:
        raise ValidationFailed([FieldError("owner", error.errors[0].message)]) from error
