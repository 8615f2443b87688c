from django.db import models
from django.db.models import Q

from incidents.publishing import MAX_PUBLIC_TEXT, Word


class StatusUpdate(models.Model):
    """What was told about an incident. Never changed: a correction is a newer update.

    `is_public` says whether the status page may show it; what was written while the incident was
    restricted, or for a drill, never is, whatever becomes of the incident.
    """

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="status_updates"
    )
    word = models.CharField(max_length=16, choices=Word.choices)
    text = models.CharField(max_length=MAX_PUBLIC_TEXT)
    is_public = models.BooleanField()
    written_at = models.DateTimeField()
    author = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["incident", "-id"], name="status_update_newest"),
            # What was resolved lately.
            models.Index(
                fields=["written_at"],
                name="status_update_resolved",
                condition=Q(is_public=True, word=Word.RESOLVED),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(word__in=Word.values), name="status_update_word_known"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="status_update_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.get_word_display()}: {self.text[:80]}"
