import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Outage(models.Model):
    """A time in which nothing could be recorded, and so nothing was done; for a person to review."""

    class Source(models.TextChoices):
        JOURNAL = "journal", "The journal could not be written"
        LEDGER = "ledger", "The ledger took no event"
        DATABASE = "database", "The database could not be reached"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=10, choices=Source.choices)
    # The line of the journal that it was found by.
    writer = models.UUIDField()
    seq = models.BigIntegerField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    why = models.TextField()
    refused = models.PositiveIntegerField()
    explained = models.JSONField()
    problems = models.JSONField()
    verified_at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="outages_reviewed",
    )
    review = models.TextField(blank=True)

    class Meta:
        ordering = ("-ended_at",)
        default_permissions = ("view",)
        permissions = [("review_outage", "Can review a time in which nothing could be recorded")]
        indexes = [
            models.Index(fields=["-ended_at", "-id"], name="outage_by_end"),
            models.Index(fields=["id"], name="outage_unreviewed", condition=Q(reviewed_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["writer", "seq"], name="outage_found_once"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("began_at")), name="outage_ends_after_it_began"
            ),
            models.CheckConstraint(
                condition=Q(reviewed_at__isnull=True, reviewed_by__isnull=True)
                | (Q(reviewed_at__isnull=False, reviewed_by__isnull=False) & ~Q(review="")),
                name="outage_reviewed_by_somebody_in_words",
            ),
        ]

    def __str__(self) -> str:
        return f"Outage {self.began_at:%Y-%m-%d %H:%M}"

    @property
    def unlisted(self) -> int:
        """How many of those refused are known by number only."""
        listed = sum(
            meant["is_rolled_back"] or meant.get("is_refused", False) for meant in self.explained
        )
        return int(max(self.refused - listed, 0))
