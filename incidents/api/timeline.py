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
from incidents.models import Incident, StatusUpdate, TimelineEntry
from incidents.publishing import MAX_PUBLIC_TEXT, Word
from incidents.services.publishing import status_update
from incidents.services.timeline import timeline_note
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


def _entry(incident: Incident, pk: int | None) -> TimelineEntry | None:
    if pk is None:
        return None
    found = incident.timeline.filter(pk=pk).first()
    if found is None:
        raise ValidationFailed([FieldError("supersedes", "There is no such note here.")])
    return found
