import uuid

from django.db import models
from django.db.models import Q

from incidents.severity import Severity


class Fate(models.TextChoices):
    """What became of a receipt. Everything but pending is final."""

    PENDING = "pending", "Waiting"
    OPENED = "opened", "Opened an incident"
    APPENDED = "appended", "Added to an incident"
    RESOLVED = "resolved", "Resolved its alert"
    DROPPED = "dropped", "Dropped"
    FAILED = "failed", "Could not be processed"


class Alert(models.Model):
    """One firing period of (source, dedup key), and the incident that it opened."""

    class Status(models.TextChoices):
        FIRING = "firing", "Firing"
        RESOLVED = "resolved", "Resolved"

    source = models.ForeignKey("incidents.Source", on_delete=models.PROTECT, related_name="alerts")
    dedup_key = models.CharField(max_length=255)
    # The detector's own period where it has one, else the id of the receipt that opened it.
    period = models.CharField(max_length=64)
    status = models.CharField(max_length=8, choices=Status.choices)
    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="alerts"
    )
    severity = models.CharField(max_length=2, choices=Severity.choices)
    summary = models.CharField(max_length=1024)
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    receipt_count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["incident", "-id"], name="alert_by_incident")]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "dedup_key", "period"], name="alert_once_per_firing_period"
            ),
            models.UniqueConstraint(
                fields=["source", "dedup_key"],
                condition=Q(status="firing"),
                name="alert_fires_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status="firing", resolved_at__isnull=True)
                | Q(status="resolved", resolved_at__isnull=False),
                name="alert_resolved_at_when_resolved",
            ),
        ]

    def __str__(self) -> str:
        return self.summary


class AlertReceipt(models.Model):
    """One alert as it was accepted: durable and on record before the detector got its 2xx."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(
        "incidents.Source", on_delete=models.PROTECT, related_name="receipts"
    )
    dedup_key = models.CharField(max_length=255)
    body_sha256 = models.BinaryField(max_length=32)
    normalized = models.JSONField()
    received_at = models.DateTimeField()
    event_id = models.BigIntegerField()
    fate = models.CharField(max_length=8, choices=Fate.choices, default=Fate.PENDING)
    fate_detail = models.CharField(max_length=255, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    alert = models.ForeignKey(
        Alert, on_delete=models.PROTECT, null=True, blank=True, related_name="receipts"
    )
    # How often processing failed, and when it is tried again: bookkeeping, not on record.
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["id"], name="receipt_pending", condition=Q(fate="pending")),
            models.Index(
                fields=["source", "dedup_key", "id"],
                name="receipt_pending_by_key",
                condition=Q(fate="pending"),
            ),
            models.Index(fields=["alert", "-id"], name="receipt_by_alert"),
            models.Index(fields=["fate", "-id"], name="receipt_by_fate"),
            models.Index(fields=["dedup_key", "-id"], name="receipt_by_key"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(fate="pending", processed_at__isnull=True)
                | (~Q(fate="pending") & Q(processed_at__isnull=False)),
                name="receipt_processed_at_with_fate",
            ),
            models.CheckConstraint(
                condition=~Q(fate__in=["opened", "appended", "resolved"]) | Q(alert__isnull=False),
                name="receipt_fate_names_its_alert",
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)
