from django.db import models
from django.utils import timezone


class IdempotencyKey(models.Model):
    """What one write of the API answered, kept so that the same request again changes nothing.

    Written in the transaction of the change itself: there is no change without its key, and no key
    without its change.
    """

    ungoverned_because = "an answer kept for a retry; what it answers is on record itself"

    principal = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    request_sha256 = models.BinaryField(max_length=32)
    # JSON as text, so that it comes back as it went; empty until the change is made.
    answer = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_by_age")]
        constraints = [
            models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key
