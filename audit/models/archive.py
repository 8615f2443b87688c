from django.db import models
from django.db.models import F, Q


class Archive(models.Model):
    """One partition of the record in a sealed file: the events `[first_id, end_id)`, and the
    SHA-256 of the file. Once dropped, the file is all that is left of their entries."""

    partition = models.CharField(max_length=63, unique=True)
    first_id = models.BigIntegerField()
    end_id = models.BigIntegerField(unique=True)
    events = models.BigIntegerField()
    filename = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    checkpoint_size = models.BigIntegerField()
    event_id = models.BigIntegerField()
    sealed_at = models.DateTimeField()
    dropped_event_id = models.BigIntegerField(null=True)
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("first_id",)
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(end_id__gt=F("first_id")), name="archive_has_ids"),
            models.CheckConstraint(
                condition=Q(dropped_at__isnull=True, dropped_event_id__isnull=True)
                | Q(dropped_at__isnull=False, dropped_event_id__isnull=False),
                name="archive_dropped_by_an_event",
            ),
        ]

    def __str__(self) -> str:
        return self.filename
