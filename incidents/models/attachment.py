from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from audit.gate.types import Fact
from audit.principal import Principal
from incidents.attachments import MAX_NAME, MediaType


class Attachment(models.Model):
    """A file of a timeline entry. Its content lies beside it by digest, once for all that have it."""

    entry = models.ForeignKey(
        "incidents.TimelineEntry", on_delete=models.PROTECT, related_name="attachments"
    )
    name = models.CharField(max_length=MAX_NAME)
    media_type = models.CharField(max_length=32, choices=MediaType.choices)
    size = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    sha256 = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["entry", "sha256"], name="attachment_once_an_entry"),
            models.CheckConstraint(
                condition=Q(media_type__in=MediaType.values), name="attachment_type_known"
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="attachment_has_a_digest"
            ),
            models.CheckConstraint(condition=Q(size__gt=0), name="attachment_is_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

    @property
    def governed_name(self) -> str:
        return f"{self.entry.incident.number}/{self.pk}"

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        return self.entry.incident.governed_facts(by)


class AttachmentPiece(models.Model):
    """Content in pieces, so that no row is large. What it must hash to is on record with the
    attachment, so a piece that was changed behind the application's back is noticed as it is read."""

    sha256 = models.CharField(max_length=64)
    position = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["sha256", "position"], name="attachment_piece_once"),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.position}"


class PinnedEntry(models.Model):
    """That an entry stands on top of its timeline. Whoever takes it off, removes the row; a correction
    takes the pin of what it corrects."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="pins"
    )
    entry = models.OneToOneField(
        "incidents.TimelineEntry", on_delete=models.PROTECT, related_name="pin"
    )
    pinned_at = models.DateTimeField()
    pinned_by = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        ordering = ("-pinned_at", "-id")

    def __str__(self) -> str:
        return f"Pin of {self.entry_id}"
