"""What became of an alert: for the detector that sent it, and for people who see its incident."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.alerts import PeriodShape
from incidents.api.shapes import EventLinksShape, Instant, Shape, event_links
from incidents.models import Alert, AlertReceipt
from incidents.models.alert import Fate
from incidents.selectors import incidents_visible_to
from incidents.selectors.receipts import receipt_get


class ReceiptShape(Shape):
    id = serializers.UUIDField(source="public_id")
    source = serializers.CharField(source="source.slug")  # type: ignore[assignment] # a field of that name
    dedup_key = serializers.CharField()
    sha256 = serializers.SerializerMethodField(help_text="Of the body that it came in.")
    received_at = Instant()
    starts_at = serializers.SerializerMethodField(help_text="As the detector gave it.")
    fate = serializers.ChoiceField(choices=Fate.choices)
    fate_detail = serializers.CharField()
    processed_at = Instant(allow_null=True)
    incident = serializers.SerializerMethodField()
    period = serializers.SerializerMethodField()
    alert = serializers.JSONField(source="normalized", help_text="As it was understood.")
    event = serializers.IntegerField(
        source="event_id", help_text="The event in the ledger by which it was accepted."
    )
    links = serializers.SerializerMethodField()

    def get_sha256(self, receipt: AlertReceipt) -> str:
        return bytes(receipt.body_sha256).hex()

    def get_starts_at(self, receipt: AlertReceipt) -> str | None:
        starts_at: str | None = receipt.normalized.get("starts_at")
        return starts_at

    def get_incident(self, receipt: AlertReceipt) -> str | None:
        period = self._shown(receipt)
        return period.incident.number if period else None

    @extend_schema_field(PeriodShape(allow_null=True))
    def get_period(self, receipt: AlertReceipt) -> Any:
        period = self._shown(receipt)
        return PeriodShape(period).data if period else None

    @extend_schema_field(EventLinksShape)
    def get_links(self, receipt: AlertReceipt) -> dict[str, str]:
        return event_links(self.context["request"], receipt.event_id)

    def _shown(self, receipt: AlertReceipt) -> Alert | None:
        return None if self.context["is_hidden"] else receipt.alert


class ReceiptView(IncidentsView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="receipt", responses=ReceiptShape)
    def get(self, request: Request, public_id: uuid.UUID) -> Response:
        """An alert's fate, its incident, and its place in the ledger."""
        receipt = receipt_get(self.by, public_id)
        context = {"request": request, "is_hidden": self._is_hidden(receipt)}
        return Response(ReceiptShape(receipt, context=context).data)

    def _is_hidden(self, receipt: AlertReceipt) -> bool:
        """A detector reads its own receipts, but is not told of an incident that was restricted."""
        if receipt.alert is None or not receipt.alert.incident.is_restricted:
            return False
        seen = incidents_visible_to(self.by).filter(pk=receipt.alert.incident_id)
        return not seen.exists()
