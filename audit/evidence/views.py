"""`/api/v1/audit/export/`: the record as NDJSON, or as an evidence pack. Both are governed, so a
refusal is on record too; nothing is sent before the outcome is."""

import base64
from collections.abc import Mapping
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.api.access import WhateverIsAccepted
from audit.authentication import principal_of
from audit.event_filters import NAMES, PATTERNS
from audit.evidence.export import Exported, evidence_export, record_export
from audit.evidence.selection import MAX_EVENTS, parse_selection
from audit.gate.types import Verdict
from portal.lib.errors import FieldError, ValidationFailed
from portal.lib.parsers import StrictJSONParser

# A request has a minute in all; what takes longer is made by the management command.
SECONDS = 40.0
NDJSON, ZIP = "application/x-ndjson", "application/zip"
EVENTS = "Ids and ranges of them, like `1042,1050-1060`, in place of the filters."
KNOWN_SIZES = (
    "Sizes of older checkpoints that you kept: the pack proves that the log continues them."
)
FREE = ("text", "about", "within", *PATTERNS, "event", "trace_id")
FIELDS: dict[str, serializers.Field[Any, Any, Any, Any]] = {
    "reason": serializers.CharField(max_length=1000),
    "from": serializers.DateTimeField(required=False),
    "to": serializers.DateTimeField(required=False),
    **{name: serializers.CharField(required=False) for name in FREE},
    "verdict": serializers.ChoiceField(choices=[str(v) for v in Verdict], required=False),
    "events": serializers.CharField(required=False, help_text=EVENTS),
    "known_sizes": serializers.CharField(required=False, help_text=KNOWN_SIZES),
}


class ExportView(APIView):
    content_negotiation_class = WhateverIsAccepted
    # A form on a page may post it as well.
    parser_classes = (StrictJSONParser, FormParser)

    @extend_schema(
        operation_id="audit_export_list",
        parameters=[
            *(OpenApiParameter(name, str) for name in NAMES),
            OpenApiParameter("events", str, description=EVENTS),
            OpenApiParameter("reason", str, description="What it is for; goes on record."),
        ],
        responses={(200, NDJSON): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> FileResponse:
        """Entries, oldest first, each line exactly the bytes that are hashed."""
        params = request.query_params.dict()
        exported = record_export(
            selection=parse_selection(params),
            by=principal_of(request),
            reason=params.get("reason", ""),
            seconds=SECONDS,
        )
        return as_file(exported, f"record-{exported.number}.ndjson", NDJSON)

    @extend_schema(
        operation_id="audit_export_pack",
        request=inline_serializer("EvidenceRequest", FIELDS),
        responses={(200, ZIP): OpenApiTypes.BINARY},
        description=f"An evidence pack of at most {MAX_EVENTS} events, which checks out offline.",
    )
    def post(self, request: Request) -> FileResponse:
        params = _params(request.data)
        exported = evidence_export(
            selection=parse_selection(params),
            by=principal_of(request),
            reason=params.get("reason", ""),
            seconds=SECONDS,
        )
        return as_file(exported, f"evidence-{exported.number}.zip", ZIP)


def _params(data: object) -> dict[str, str]:
    """The fields of a JSON object as query parameters would give them; lists of numbers too."""
    if not isinstance(data, Mapping):
        raise ValidationFailed([FieldError("body", "must be an object")])
    params = {}
    for name, value in data.items():
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, bool) or not isinstance(item, str | int) for item in items):
            raise ValidationFailed([FieldError(str(name), "must be text or numbers")])
        params[str(name)] = ",".join(map(str, items))
    return params


def as_file(exported: Exported, filename: str, content_type: str) -> FileResponse:
    response = FileResponse(
        exported.file, as_attachment=True, filename=filename, content_type=content_type
    )
    digest = base64.b64encode(bytes.fromhex(exported.sha256)).decode()
    response["Repr-Digest"] = f"sha-256=:{digest}:"
    response["Cache-Control"] = "private, no-store"
    return response
