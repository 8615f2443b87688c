"""Alerts of tests, received the way those of a detector are."""

from datetime import UTC, datetime, timedelta

from audit.principal import client
from incidents.ingest.instants import format_instant
from incidents.ingest.types import NormalizedAlert
from incidents.models import Alert, AlertReceipt
from incidents.services.alerts import alerts_receive
from incidents.tasks import drain_receipts
from tests.people import Cast

NOON = datetime(2026, 2, 12, 12, tzinfo=UTC)


def made(
    key: str, status: str = "firing", *, period: int | None = None, **fields: object
) -> NormalizedAlert:
    """With `period`, one that names its firing periods, as Alertmanager does: noon and n hours."""
    if period is not None:
        starts_at = NOON + timedelta(hours=period)
        fields |= {"starts_at": starts_at, "period": format_instant(starts_at)}
    fields = {"summary": "Disk full", "severity_text": "error", **fields}
    return NormalizedAlert(dedup_key=key, status=status, **fields)  # type: ignore[arg-type] # checked by the alert itself


def received(cast: Cast, key: str, status: str = "firing", **fields: object) -> AlertReceipt:
    [receipt] = alerts_receive(
        source=cast.source,
        alerts=[made(key, status, **fields)],  # type: ignore[arg-type] # the test's
        body_sha256=bytes(32),
        by=client(cast.token),
    )
    return receipt


def settled(cast: Cast, key: str, status: str = "firing", **fields: object) -> AlertReceipt:
    receipt = received(cast, key, status, **fields)
    drain_receipts()
    receipt.refresh_from_db()
    return receipt


def firing_now(key: str) -> list[Alert]:
    return list(Alert.objects.filter(dedup_key=key, status="firing").order_by("id"))
