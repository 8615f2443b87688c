from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.subjects import name_people
from incidents.api.inputs import checked
from incidents.api.paging import ListView, NewestFirst
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, unmoved, write
from incidents.models import StatusUpdate
from incidents.publishing import MAX_PUBLIC_TEXT, Word
from incidents.services.publishing import status_update


class UpdateShape(Shape):
    id = serializers.IntegerField()
    word = serializers.ChoiceField(choices=Word.choices)
    text = serializers.CharField()
    is_public = serializers.BooleanField(help_text="Whether the status page may show it.")
    written_at = Instant()
    author = serializers.CharField(help_text="Like `user:ada`.")


class UpdateInput(Shape):
    word = serializers.ChoiceField(
        choices=Word.choices,
        required=False,
        help_text="How it stands; as it was told last, where it is not given.",
    )
    text = serializers.CharField(
        help_text=f"What the public reads; at most {MAX_PUBLIC_TEXT:,} characters."
    )


class UpdatesView(ListView):
    queryset: Any = StatusUpdate.objects.none()
    serializer_class = UpdateShape
    pagination_class = NewestFirst
    filter_backends = ()

    @extend_schema(operation_id="incident_updates", responses=UpdateShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """What was told, newest first; also by itself, as the incident moved on."""
        return self.page(self.incident(number).status_updates.all())

    @extend_schema(
        operation_id="incident_update",
        request=UpdateInput,
        responses={201: UpdateShape},
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Publish on the status page, for everybody; the clock for the next update starts over.

        Of a restricted incident or a drill nothing is published: the update is only kept.
        """
        incident = self.incident(number)
        given = checked(UpdateInput, request)
        return write(
            request,
            lambda: status_update(
                incident=incident, by=self.by, text=given["text"], word=given.get("word")
            ),
            self.added,
            guard=unmoved(request, incident),
        )

    def name(self, rows: list[StatusUpdate]) -> None:
        name_people(rows, "author")

    def added(self, update: StatusUpdate) -> Answer:
        self.name([update])
        return Answer(UpdateShape(update).data, status=201)
