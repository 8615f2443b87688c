"""Takes alerts in. Accepts, does not process: a 202 means that they are durable and in the ledger.

Only tokens send alerts, as Bearer or as the password of Basic. A browser's session does not: what
a detector says must not depend on who is signed in.

The body is JSON whatever `Content-Type` says, since scripts say `text/plain`, a form, or nothing,
and the answer is JSON whatever `Accept` says. The `sha256` of a receipt is that of the body's
bytes after decompression, exactly as they were parsed.
"""

import hashlib
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.authentication import BearerTokenAuthentication, principal_of
from incidents.api.native_schema import BODY
from incidents.api.shapes import Shape
from incidents.ingest.formats import FORMATS
from incidents.selectors.receipts import source_of
from incidents.services.alerts import alerts_receive
from portal.lib.body import read_body
from portal.lib.errors import RateLimitExceeded


class AcceptedReceiptShape(Shape):
    id = serializers.UUIDField()
    dedup_key = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the body that it came in, decompressed.")


class AcceptedShape(Shape):
    status = serializers.CharField(help_text="`accepted`")
    receipts = AcceptedReceiptShape(many=True)


class DetectorView(APIView):
    authentication_classes: Any = (BearerTokenAuthentication,)
    permission_classes: Any = (IsAuthenticated,)
    wire_format: ClassVar[str]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 - REST framework's signature
        return super().perform_content_negotiation(request, force=True)

    def accept(self, request: Request) -> Response:
        body = read_body(request._request)
        alerts = FORMATS[self.wire_format](body)
        by = principal_of(request)
        digest = hashlib.sha256(body)
        receipts = alerts_receive(
            source=source_of(by), alerts=alerts, body_sha256=digest.digest(), by=by
        )
        accepted = [
            {
                "id": str(receipt.public_id),
                "dedup_key": receipt.dedup_key,
                "sha256": digest.hexdigest(),
            }
            for receipt in receipts
        ]
        return Response({"status": "accepted", "receipts": accepted}, status=202)


class AlertsView(DetectorView):
    wire_format = "native"

    @extend_schema(operation_id="alerts_send", request=BODY, responses={202: AcceptedShape})
    def post(self, request: Request) -> Response:
        """Send one alert, or a list of at most 1,000, in the native format."""
        return self.accept(request)


class Shed(RateLimitExceeded):
    """Too many requests, said in a way after which the sender tries again."""

    status = "unavailable"
    http_status = 503


class AlertmanagerView(DetectorView):
    wire_format = "alertmanager"

    @extend_schema(
        operation_id="alertmanager_notify",
        request=OpenApiTypes.OBJECT,
        responses={202: AcceptedShape},
    )
    def post(self, request: Request) -> Response:
        """Prometheus Alertmanager's webhook, version "4"."""
        return self.accept(request)

    def handle_exception(self, exc: Exception) -> Response:
        # Alertmanager drops what is answered with 429, and tries again after 503.
        if isinstance(exc, RateLimitExceeded | Throttled):
            wait = (
                exc.retry_after
                if isinstance(exc, RateLimitExceeded)
                else getattr(exc, "wait", None)
            )
            exc = Shed(retry_after=int(wait) if wait else None)
        return super().handle_exception(exc)
