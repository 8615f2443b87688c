"""Takes alerts in: durable and on record first, processed after."""

from collections.abc import Sequence

from django.db import transaction

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.ingest.types import NormalizedAlert
from incidents.models import AlertReceipt, Source
from incidents.services.waking import wake


@governed(actions.RECEIVE, on="source")
def alerts_receive(
    *, source: Source, alerts: Sequence[NormalizedAlert], body_sha256: bytes, by: Principal
) -> list[AlertReceipt]:
    """One receipt an alert, pending. When this returns, they are durable and in the ledger."""
    record = current()
    if source.pk is None:
        source, _made = Source.objects.get_or_create(
            slug=source.slug, defaults={"name": source.name}
        )
        record.target = f"{source._meta.label_lower}:{source.pk}"
    receipts = AlertReceipt.objects.bulk_create(
        AlertReceipt(
            source=source,
            dedup_key=alert.dedup_key,
            body_sha256=body_sha256,
            normalized=alert.to_json(),
            received_at=record.at,
            event_id=record.id,
        )
        for alert in alerts
    )
    record.note(source=source.slug, count=len(receipts), body_sha256=body_sha256.hex())
    transaction.on_commit(lambda: wake("incidents.drain_receipts"), robust=True)
    return receipts
