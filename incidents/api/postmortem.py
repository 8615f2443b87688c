"""The postmortem. `If-Match` speaks of its own version here, not of the incident's."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.inputs import PostmortemInput, checked
from incidents.api.moves import MoveView
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, etag, seen_version, write
from incidents.models import Incident, Postmortem
from incidents.selectors import war_room as read
from incidents.services.postmortems import postmortem_accept, postmortem_write
from portal.lib.errors import NotFound


class PostmortemShape(Shape):
    summary = serializers.CharField()
    impact = serializers.CharField()
    root_cause = serializers.CharField()
    five_whys = serializers.CharField()
    lessons = serializers.CharField(allow_blank=True)
    action_items = serializers.CharField()
    version = serializers.IntegerField(help_text="For `If-Match`.")
    author = serializers.CharField(source="author.username", help_text="Who wrote it last.")
    written_at = Instant()
    accepted_at = Instant(allow_null=True)
    accepted_by = serializers.CharField(
        source="accepted_by.username", default=None, allow_null=True
    )


class PostmortemView(MoveView):
    transition = "postmortem"

    @extend_schema(operation_id="incident_postmortem", responses=PostmortemShape)
    def get(self, _request: Request, number: int) -> Response:
        """The postmortem as it was written last."""
        return _answer(_written(self.incident(number))).response()

    @extend_schema(
        operation_id="incident_postmortem_write",
        request=PostmortemInput,
        responses={200: PostmortemShape, 201: PostmortemShape},
        parameters=HEADERS,
    )
    def put(self, request: Request, number: int) -> Response:
        """Write it, or rewrite it whole; who wrote last is its author, and cannot accept it."""
        incident = self.incident(number)
        fields = checked(PostmortemInput, request)
        version = seen_version(request)
        if version is None:
            existing = read.postmortem(incident)
            version = existing.version if existing else 0
        return write(
            request,
            lambda: postmortem_write(incident=incident, by=self.by, fields=fields, version=version),
            lambda written: _answer(written, status=201 if written.version == 1 else 200),
        )


class AcceptView(IncidentsView):
    @extend_schema(
        operation_id="incident_postmortem_accept",
        request=None,
        responses=PostmortemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Accept the version that you read. Not for its author."""
        postmortem = _written(self.incident(number))
        version = seen_version(request)
        return write(
            request,
            lambda: postmortem_accept(
                postmortem=postmortem,
                by=self.by,
                version=postmortem.version if version is None else version,
            ),
            _answer,
        )


def _answer(postmortem: Postmortem, status: int = 200) -> Answer:
    return Answer(dict(PostmortemShape(postmortem).data), status, etag(postmortem.version))


def _written(incident: Incident) -> Postmortem:
    found = read.postmortem(incident)
    if found is None:
        message = f"The postmortem of {incident.number} has not been written yet."
        raise NotFound(message)
    return found
