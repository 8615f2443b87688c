"""The timeline: what was written down, with what is attached and pinned."""

from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.subjects import name_people
from incidents import attachments
from incidents.api.access import IncidentsView
from incidents.api.inputs import checked
from incidents.api.paging import ListView, NewestFirst
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, unmoved, write
from incidents.models import Incident, TimelineEntry
from incidents.pages.attachments import sent
from incidents.selectors.timeline import KINDS, MAX_TEXT, TimelineFilter, attachment_get
from incidents.services.pins import entry_pin, entry_unpin
from incidents.services.timeline import timeline_note, timeline_note_pinned
from portal.lib.errors import FieldError, NotFound, ValidationFailed
from portal.lib.parsers import StrictJSONParser
from portal.lib.uploads import MAX_FILES

Kind = TimelineEntry.Kind


class AttachmentShape(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    media_type = serializers.ChoiceField(choices=attachments.MediaType.choices)
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of its content, as the ledger has it.")
    url = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, attachment: Any) -> str:
        number = self.context["incident"].pk
        path = reverse("incidents-api:attachment", args=[number, attachment.pk])
        return str(self.context["request"].build_absolute_uri(path))


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
    is_pinned = serializers.SerializerMethodField()
    attachments = serializers.SerializerMethodField()

    @extend_schema_field(bool)
    def get_is_pinned(self, entry: TimelineEntry) -> bool:
        return hasattr(entry, "pin")

    @extend_schema_field(AttachmentShape(many=True))
    def get_attachments(self, entry: TimelineEntry) -> Any:
        return AttachmentShape(entry.attachments.all(), many=True, context=self.context).data


class NoteInput(Shape):
    text = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text="At most 10,000 characters; may be empty where files are attached.",
    )
    occurred_at = Instant(required=False, allow_null=True, help_text="Now, where it is not given.")
    supersedes = serializers.IntegerField(
        required=False, allow_null=True, help_text="The note that this one corrects."
    )
    pinned = serializers.BooleanField(
        default=False, help_text="Whether it stays on top of the timeline."
    )


class NoteWithFilesInput(NoteInput):
    files = serializers.ListField(
        child=serializers.FileField(), required=False, help_text=f"At most {MAX_FILES}."
    )


class FilterInput(Shape):
    kind = serializers.ChoiceField(choices=list(KINDS), required=False, allow_blank=True)
    author = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_TEXT, help_text="A username."
    )
    text = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_TEXT, help_text="All of these words."
    )
    pinned = serializers.BooleanField(required=False, help_text="Only what is pinned.")
    files = serializers.BooleanField(required=False, help_text="Only what has files attached.")


class LatestFirst(NewestFirst):
    ordering = ("-occurred_at", "-id")


class TimelineView(ListView):
    queryset: Any = TimelineEntry.objects.none()
    serializer_class = EntryShape
    pagination_class = LatestFirst
    filter_backends = ()
    parser_classes = (StrictJSONParser, MultiPartParser)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "incident": getattr(self, "found", None)}

    @extend_schema(
        operation_id="incident_timeline", responses=EntryShape(many=True), parameters=[FilterInput]
    )
    def get(self, request: Request, number: int) -> Response:
        """Everything that was written down, by when it happened, newest first."""
        self.found = self.incident(number)
        given = FilterInput(data=request.query_params)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        wanted = TimelineFilter(
            kind=asked.get("kind", ""),
            author=asked.get("author", ""),
            text=asked.get("text", ""),
            is_pinned=asked.get("pinned", False),
            has_files=asked.get("files", False),
        )
        rows = self.found.timeline.select_related("superseded_by", "pin")
        return self.page(wanted.apply(rows.prefetch_related("attachments")))

    @extend_schema(
        operation_id="incident_note",
        request={"application/json": NoteInput, "multipart/form-data": NoteWithFilesInput},
        responses={201: EntryShape},
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Add a note, with files or without, or correct one."""
        incident = self.found = self.incident(number)
        given = checked(NoteInput, request)
        supersedes, uploads = _entry(incident, given.get("supersedes")), _uploads(request)
        note: dict[str, Any] = {
            "incident": incident,
            "by": self.by,
            "text": given["text"],
            "occurred_at": given.get("occurred_at"),
            "attachments": uploads,
        }
        if given["pinned"] and supersedes:
            message = "A correction keeps the pin of what it corrects; leave this out."
            raise ValidationFailed([FieldError("pinned", message)])
        return write(
            request,
            lambda: (
                timeline_note_pinned(**note)
                if given["pinned"]
                else timeline_note(**note, supersedes=supersedes)
            ),
            self.added,
            guard=unmoved(request, incident),
        )

    def name(self, rows: list[TimelineEntry]) -> None:
        name_people(rows, "author", "text")

    def added(self, entry: TimelineEntry) -> Answer:
        self.name([entry])
        shown = EntryShape(entry, context=self.get_serializer_context())
        return Answer(shown.data, status=201)


class PinView(IncidentsView):
    @extend_schema(
        operation_id="entry_pin", request=None, responses={204: None}, parameters=HEADERS
    )
    def post(self, request: Request, number: int, entry: int) -> Response:
        """Keep an entry on top of the timeline."""
        return self._write(request, number, entry, entry_pin)

    @extend_schema(operation_id="entry_unpin", responses={204: None}, parameters=HEADERS)
    def delete(self, request: Request, number: int, entry: int) -> Response:
        """Take it off there."""
        return self._write(request, number, entry, entry_unpin)

    def _write(self, request: Request, number: int, entry: int, service: Any) -> Response:
        incident = self.incident(number)
        found = incident.timeline.filter(pk=entry).first()
        if found is None:
            raise NotFound
        return write(
            request,
            lambda: service(incident=incident, by=self.by, entry=found),
            lambda _done: Answer(None, 204),
            guard=unmoved(request, incident),
        )


class AttachmentView(IncidentsView):
    @extend_schema(
        operation_id="attachment",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("attachment", int, OpenApiParameter.PATH)],
    )
    def get(self, _request: Request, number: int, attachment: int) -> HttpResponseBase:
        """The file itself, held against its digest before it is sent."""
        return sent(attachment_get(self.by, number, attachment))


def _uploads(request: Request) -> list[attachments.Upload]:
    given = request.FILES.getlist(attachments.FIELD) if request.FILES else []
    limit = settings.ATTACHMENT_MAX_BYTES
    return [attachments.checked(each.name or "", each, limit=limit) for each in given]


def _entry(incident: Incident, pk: int | None) -> TimelineEntry | None:
    if pk is None:
        return None
    found = incident.timeline.filter(pk=pk).first()
    if found is None:
        raise ValidationFailed([FieldError("supersedes", "There is no such note here.")])
    return found
