"""The log for machines: C2SP tlog-tiles below `/ledger/`, and an event's inclusion proof."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.api.access import ReadsRecord, WhateverIsAccepted
from audit.ledger import tree
from audit.models import Event
from audit.proofs import tiles
from audit.proofs.errors import TileError
from portal.lib.errors import Conflict, NotFound

# What a path names never changes once it is there.
IMMUTABLE = "public, max-age=31536000, immutable"


class CheckpointView(APIView):
    content_negotiation_class = WhateverIsAccepted
    permission_classes = (AllowAny,)

    @extend_schema(
        responses={(200, "text/plain"): OpenApiTypes.STR}, operation_id="ledger_checkpoint"
    )
    def get(self, _request: Request) -> HttpResponse:
        checkpoint = tree.latest_checkpoint()
        if checkpoint is None:
            raise NotFound("No checkpoint has been signed yet.")
        response = HttpResponse(checkpoint.note, content_type="text/plain; charset=utf-8")
        response["Cache-Control"] = "no-store"
        return response


class TileView(APIView):
    content_negotiation_class = WhateverIsAccepted
    permission_classes = (AllowAny,)

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        operation_id="ledger_tile",
    )
    def get(self, request: Request, path: str) -> HttpResponse:
        try:
            resource = tiles.parse_path(f"tile/{path}")
            if isinstance(resource, tiles.EntryBundle):
                # Raises: a tile needs nothing, the entries themselves the right to read them.
                ReadsRecord().has_permission(request, self)
                data = tree.fetch_bundle(resource.index, resource.width)
            else:
                data = tree.fetch_tile(resource.level, resource.index, resource.width)
        except TileError as error:
            raise NotFound from error
        response = HttpResponse(data, content_type="application/octet-stream")
        is_public = isinstance(resource, tiles.Tile)
        response["Cache-Control"] = IMMUTABLE if is_public else "private, no-store"
        return response


class ProofView(APIView):
    """The proof itself gives away one entry's hash and neighbours, no content; who may read events
    may fetch it."""

    content_negotiation_class = WhateverIsAccepted
    permission_classes = (ReadsRecord,)

    @extend_schema(
        responses={(200, "text/plain"): OpenApiTypes.STR}, operation_id="audit_event_proof"
    )
    def get(self, _request: Request, pk: int) -> HttpResponse:
        proof = tree.prove(pk)
        if proof is None:
            if not Event.objects.filter(pk=pk).exists():
                raise NotFound
            message = "No checkpoint covers this event yet. It will within a few seconds."
            raise Conflict(message, retry_after=2)
        return HttpResponse(proof.text, content_type="text/plain; charset=utf-8")
