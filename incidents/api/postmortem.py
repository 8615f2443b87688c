"""The postmortem. `If-Match` speaks of its own version here, not of the incident's."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.action_items import ItemShape
from incidents.api.inputs import PostmortemInput, SectionInput, WhyInput, checked
from incidents.api.moves import MoveView
from incidents.api.shapes import Instant, Shape
from incidents.api.writing import HEADERS, Answer, etag, seen_version, write
from incidents.models import Incident, Postmortem
from incidents.postmortem_template import BY_NAME, SECTIONS, digest
from incidents.selectors import postmortems as gather
from incidents.selectors import war_room as read
from incidents.services.postmortems import (
    postmortem_accept,
    postmortem_send_back,
    postmortem_submit,
    postmortem_write,
    section_write,
)
from portal.lib.errors import NotFound


class WhyShape(Shape):
    id = serializers.IntegerField()
    parent = serializers.IntegerField(  # type: ignore[assignment] # a field of that name
        source="parent_id", allow_null=True
    )
    depth = serializers.IntegerField()
    position = serializers.IntegerField(help_text="Among those with the same parent.")
    text = serializers.CharField()
    seen = serializers.SerializerMethodField(help_text="For a change of it.")

    def get_seen(self, why: Any) -> str:
        return digest(why.text)


class SectionShape(Shape):
    name = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    seen = serializers.CharField(help_text="For a change of it.")


class PostmortemShape(Shape):
    summary = serializers.CharField()
    impact = serializers.CharField()
    root_cause = serializers.CharField()
    contributing_factors = serializers.ListField(child=serializers.CharField(), default=list)
    went_well = serializers.CharField(allow_null=True)
    went_wrong = serializers.CharField(allow_null=True)
    lucky = serializers.CharField(allow_null=True)
    lessons = serializers.CharField(allow_blank=True)
    seen = serializers.SerializerMethodField(help_text="Of each section, for a change of it alone.")
    whys = serializers.SerializerMethodField()
    items = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=Postmortem.Status.choices)
    sent_back = serializers.CharField(allow_null=True, help_text="Why, where it was.")
    version = serializers.IntegerField(help_text="For `If-Match`.")
    author = serializers.CharField(source="author.username", help_text="Who wrote last.")
    written_at = Instant()
    submitted_at = Instant(allow_null=True)
    accepted_at = Instant(allow_null=True)
    accepted_by = serializers.CharField(
        source="accepted_by.username", default=None, allow_null=True
    )

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_seen(self, postmortem: Postmortem) -> dict[str, str]:
        return {name: digest(value) for name, value in postmortem.texts().items()}

    @extend_schema_field(WhyShape(many=True))
    def get_whys(self, postmortem: Postmortem) -> Any:
        rows = postmortem.whys.order_by("depth", "position", "id")
        return WhyShape(rows, many=True).data

    @extend_schema_field(ItemShape(many=True))
    def get_items(self, postmortem: Postmortem) -> Any:
        return ItemShape(gather.items(postmortem), many=True).data


class PostmortemView(MoveView):
    transition = "postmortem"

    @extend_schema(operation_id="incident_postmortem", responses=PostmortemShape)
    def get(self, _request: Request, number: int) -> Response:
        """The postmortem as it was written last, with its whys and action items."""
        return answer(written(self.incident(number))).response()

    @extend_schema(
        operation_id="incident_postmortem_write",
        request=PostmortemInput,
        responses={200: PostmortemShape, 201: PostmortemShape},
        parameters=HEADERS,
    )
    def put(self, request: Request, number: int) -> Response:
        """Write all of its sections at once; who wrote a part of it cannot accept it."""
        incident = self.incident(number)
        fields = checked(PostmortemInput, request)
        version = seen_version(request)
        if version is None:
            existing = read.postmortem(incident)
            version = existing.version if existing else 0
        return write(
            request,
            lambda: postmortem_write(incident=incident, by=self.by, fields=fields, version=version),
            lambda done: answer(done, status=201 if done.version == 1 else 200),
        )


class SectionView(IncidentsView):
    @extend_schema(
        operation_id="incident_postmortem_section",
        request=SectionInput,
        responses=SectionShape,
        parameters=HEADERS[:1],
    )
    def put(self, request: Request, number: int, section: str) -> Response:
        """Write one section; others may write the others meanwhile."""
        incident = self.incident(number)
        if section not in BY_NAME:
            message = f"There is no such section; there are {', '.join(s.name for s in SECTIONS)}."
            raise NotFound(message)
        given = checked(SectionInput, request)
        existing = read.postmortem(incident)
        now = digest(getattr(existing, section) if existing else "")
        return write(
            request,
            lambda: section_write(
                incident=incident,
                by=self.by,
                section=section,
                text=given["text"],
                seen=given.get("seen") or now,
            ),
            lambda done: _section(done, section),
        )


class _ReviewView(IncidentsView):
    """`service` is what each of them does to the version that was read."""

    service: Any = None

    def decide(self, request: Request, number: int, **arguments: Any) -> Response:
        postmortem = written(self.incident(number))
        version = seen_version(request)
        return write(
            request,
            lambda: self.service(
                postmortem=postmortem,
                by=self.by,
                version=postmortem.version if version is None else version,
                **arguments,
            ),
            answer,
        )


class SubmitView(_ReviewView):
    service = staticmethod(postmortem_submit)

    @extend_schema(
        operation_id="incident_postmortem_submit",
        request=None,
        responses=PostmortemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Submit it for review; what is missing is said."""
        return self.decide(request, number)


class AcceptView(_ReviewView):
    service = staticmethod(postmortem_accept)

    @extend_schema(
        operation_id="incident_postmortem_accept",
        request=None,
        responses=PostmortemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Accept the version that you read. Not for those who wrote a part of it."""
        return self.decide(request, number)


class SendBackView(_ReviewView):
    service = staticmethod(postmortem_send_back)

    @extend_schema(
        operation_id="incident_postmortem_send_back",
        request=WhyInput,
        responses=PostmortemShape,
        parameters=HEADERS,
    )
    def post(self, request: Request, number: int) -> Response:
        """Send it back to those who write it, with the reason."""
        # First, so that who may not know of the incident learns nothing of it either.
        self.incident(number)
        return self.decide(request, number, reason=checked(WhyInput, request)["reason"])


def _section(postmortem: Postmortem, section: str) -> Answer:
    value = getattr(postmortem, section)
    text = "\n".join(value) if isinstance(value, list) else value
    body = {"name": section, "text": text, "seen": digest(value)}
    return Answer(body, 200, etag(postmortem.version))


def answer(postmortem: Postmortem, status: int = 200) -> Answer:
    return Answer(dict(PostmortemShape(postmortem).data), status, etag(postmortem.version))


def written(incident: Incident) -> Postmortem:
    found = read.postmortem(incident)
    if found is None:
        message = f"The postmortem of {incident.number} has not been written yet."
        raise NotFound(message)
    return found
