"""Turns receipts into incidents: in order per (source, dedup key), exactly once per firing period.

One governed call settles all waiting receipts of one key. A worker that dies half-way leaves them
waiting, for the transaction is gone with it.
"""

from django.db import connection
from django.db.models import QuerySet

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.ingest.types import NormalizedAlert
from incidents.models import Alert, AlertReceipt, Incident, Source
from incidents.models.alert import Fate
from incidents.services.entries import Kind, entry_add
from incidents.services.incidents import incident_create
from incidents.services.routing import is_restricted, service_of, severity_of

BATCH = 100
Status = Alert.Status


class NothingWaits(Exception):
    """No receipt of this key waits, or another worker is at them. Nothing goes on record."""


@governed(actions.PROCESS, on="source")
def receipts_process(
    *, source: Source, dedup_key: str, by: Principal, limit: int = BATCH
) -> list[AlertReceipt]:
    """Gives the oldest waiting receipts of this key their fate. Raises `NothingWaits`."""
    _one_at_a_time(source, dedup_key)
    waiting = list(
        AlertReceipt.objects.select_for_update(of=("self",))
        .filter(source=source, dedup_key=dedup_key, fate=Fate.PENDING)
        .order_by("id")[:limit]
    )
    if not waiting:
        raise NothingWaits
    record = current()
    for receipt in waiting:
        _settle(receipt, NormalizedAlert.from_json(receipt.normalized))
        receipt.processed_at = record.at
    AlertReceipt.objects.bulk_update(waiting, ["fate", "fate_detail", "alert", "processed_at"])
    _name_incidents(waiting)
    record.note(
        source=source.slug,
        dedup_key=dedup_key,
        receipts=[{"id": str(receipt.public_id), "fate": receipt.fate} for receipt in waiting],
    )
    return waiting


def _name_incidents(receipts: list[AlertReceipt]) -> None:
    numbers = dict.fromkeys(r.alert.incident.number for r in receipts if r.alert is not None)
    if numbers:
        current().note(incidents=list(numbers))
        current().target = f"{Incident._meta.label_lower}:{list(numbers)[-1]}"


def _one_at_a_time(source: Source, dedup_key: str) -> None:
    """Held to the end of the transaction: two workers never settle the same key at once. The one
    that comes second leaves it to the first, and goes on to other keys."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, %s))", [dedup_key, source.pk]
        )
        if not cursor.fetchone()[0]:
            raise NothingWaits


def _settle(receipt: AlertReceipt, alert: NormalizedAlert) -> None:
    periods = Alert.objects.select_related("incident").filter(
        source=receipt.source, dedup_key=receipt.dedup_key
    )
    firing = periods.filter(status=Status.FIRING).first()
    known = periods.filter(period=alert.period).first() if alert.period else firing
    if alert.status == "resolved":
        _resolve(receipt, alert, known)
    elif known is None:
        # Periods may arrive in any order and come to the same: only the newest can be firing.
        is_over = _has_newer(periods, alert)
        if firing is not None and not is_over:
            _end(firing, "a newer firing period began")
        _open(receipt, alert, is_over=is_over)
    elif known.status == Status.FIRING:
        _append(receipt, alert, known)
    else:
        _fate(receipt, Fate.DROPPED, "that firing period is resolved already", known)


def _has_newer(periods: QuerySet[Alert], alert: NormalizedAlert) -> bool:
    if alert.period is None or alert.starts_at is None:
        return False
    return periods.filter(starts_at__gt=alert.starts_at).exists()


def _open(receipt: AlertReceipt, alert: NormalizedAlert, *, is_over: bool) -> None:
    severity = severity_of(alert)
    incident = incident_create(
        Incident(
            title=alert.summary[:255],
            severity=severity,
            service=service_of(alert),
            is_restricted=is_restricted(alert),
        ),
    )
    period = Alert.objects.create(
        source=receipt.source,
        dedup_key=receipt.dedup_key,
        period=alert.period or str(receipt.public_id),
        status=Status.RESOLVED if is_over else Status.FIRING,
        resolved_at=current().at if is_over else None,
        incident=incident,
        severity=severity,
        summary=alert.summary,
        labels=alert.labels,
        annotations=alert.annotations,
        links=list(alert.links),
        starts_at=alert.starts_at,
        first_seen_at=receipt.received_at,
        last_seen_at=receipt.received_at,
    )
    if is_over:
        _say_resolved(period, "a newer firing period was known")
    _fate(receipt, Fate.OPENED, "", period)


def _append(receipt: AlertReceipt, alert: NormalizedAlert, period: Alert) -> None:
    period.receipt_count += 1
    period.last_seen_at = receipt.received_at
    period.summary = alert.summary
    period.annotations = alert.annotations
    period.save()
    _fate(receipt, Fate.APPENDED, "", period)


def _resolve(receipt: AlertReceipt, alert: NormalizedAlert, period: Alert | None) -> None:
    if period is None:
        _fate(receipt, Fate.DROPPED, "nothing with that key is firing", None)
    elif period.status == Status.RESOLVED:
        _fate(receipt, Fate.DROPPED, "it was resolved before", period)
    else:
        period.receipt_count += 1
        period.last_seen_at = receipt.received_at
        period.ends_at = alert.ends_at
        _end(period, "")
        _fate(receipt, Fate.RESOLVED, "", period)


def _end(period: Alert, why: str) -> None:
    period.status = Status.RESOLVED
    period.resolved_at = current().at
    period.save()
    _say_resolved(period, why)


def _say_resolved(period: Alert, why: str) -> None:
    text = f"Alert resolved: {period.summary}"
    entry_add(period.incident, Kind.ALERT, f"{text} ({why})" if why else text)


def _fate(receipt: AlertReceipt, fate: Fate, detail: str, period: Alert | None) -> None:
    receipt.fate, receipt.fate_detail, receipt.alert = fate, detail, period


@governed(actions.SET_ASIDE, on="receipt")
def receipt_set_aside(*, receipt: AlertReceipt, by: Principal, reason: str) -> AlertReceipt:
    """Gives up on a receipt that cannot be processed, visibly."""
    locked = AlertReceipt.objects.select_for_update(of=("self",)).get(pk=receipt.pk)
    if locked.fate == Fate.PENDING:
        locked.fate, locked.fate_detail = Fate.FAILED, reason[:255]
        locked.processed_at = current().at
        locked.save()
    current().note(receipt=str(locked.public_id), reason=reason[:255])
    return locked
