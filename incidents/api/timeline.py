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
from incidents.models import Incident, TimelineEntry
from incidents.services.timeline import status_update, timeline_note
from portal.lib.errors import FieldError, ValidationFailed

Kind = TimelineEntry.Kind


class EntryShape(Shape):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    text = serializers.CharField()
    author = serializers.CharField(help_text="Like `user:ada`.")
    occurred_at = Instant(help_text="When it happened.")
    recorded_at = Instant(help_text="When it was written down.")
    event = serializers.IntegerField(source="event_id", help_text="Its event in the ledger.")
    supersedes = serializers.IntegerField(
        source="supersedes_id", allow_null=True, help_text="The entry that this one corrects."
    )
    superseded_by = serializers.IntegerField(
        source="superseded_by.pk", default=None, allow_null=True
    )


class NoteInput(Shape):
    text = serializers.CharField(help_text="At most 10,000 characters.")
    occurred_at = Instant(required=False, allow_null=True, help_text="Now, where it is not given.")
    supersedes = serializers.IntegerField(
        required=False, allow_null=True, help_text="The note that this one corrects."
    )


class UpdateInput(Shape):
    text = serializers.CharField(help_text="What stakeholders are told.")


class LatestFirst(NewestFirst):
    ordering = ("-occurred_at", "-id")


class EntriesView(ListView):
    queryset: Any = TimelineEntry.objects.none()
    serializer_class = EntryShape
    pagination_class = LatestFirst
    filter_backends = ()

    def name(self, rows: list[TimelineEntry]) -> None:
        name_people(rows, "author", "text")

    def added(self, entry: TimelineEntry) -> Answer:
        self.name([entry])
        return Answer(EntryShape(entry).data, status=201)


class TimelineView(EntriesView):
    @extend_schema(operation_id="incident_timeline", responses=EntryShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """Everything that was written down, by when it happened, newest first."""
        return self.page(self.incident(number).timeline.select_related("superseded_by"))

    @extend_schema(
        operation_id="incident_note",
        request=NoteInput,
        responses={201: EntryShape},
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Add a note, or correct one."""
        incident = self.incident(number)
        given = checked(NoteInput, request)
        supersedes = _entry(incident, given.get("supersedes"))
        return write(
            request,
            lambda: timeline_note(
                incident=incident,
                by=self.by,
                text=given["text"],
                occurred_at=given.get("occurred_at"),
                supersedes=supersedes,
            ),
            self.added,
            guard=unmoved(request, incident),
        )


class UpdatesView(EntriesView):
    @extend_schema(operation_id="incident_updates", responses=EntryShape(many=True))
    def get(self, _request: Request, number: int) -> Response:
        """What stakeholders were told, newest first."""
        return self.page(
            self.incident(number)
            .timeline.filter(kind=Kind.STATUS_UPDATE)
            .select_related("superseded_by")
        )

    @extend_schema(
        operation_id="incident_update",
        request=UpdateInput,
        responses={201: EntryShape},
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Tell stakeholders; the clock for the next update starts over."""
        incident = self.incident(number)
        given = checked(UpdateInput, request)
        return write(
            request,
            lambda: status_update(incident=incident, by=self.by, text=given["text"]),
            self.added,
            guard=unmoved(request, incident),
        )


def _entry(incident: Incident, pk: int | None) -> TimelineEntry | None:
    if pk is None:
        return None
    found = incident.timeline.filter(pk=pk).first()
    if found is None:
        raise ValidationFailed([FieldError("supersedes", "There is no such note here.")])
    return found
