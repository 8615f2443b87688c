from django.conf import settings
from django.db import models


class Sealed(models.Model):
    """A personal value of an entry, readable while its subject's salt exists. Added with its event,
    by `audit.ledger.append` alone; removed once the subject was erased."""

    pk = models.CompositePrimaryKey("event_id", "field")
    event_id = models.BigIntegerField()
    field = models.TextField()
    subject = models.TextField()
    ciphertext = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_sealed"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.field} of event {self.event_id}"


class Erasure(models.Model):
    """That a person was erased: the one row, beside the record, that says so. Never changed."""

    subject = models.CharField(max_length=40, unique=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasure"
    )
    event_id = models.BigIntegerField(unique=True)
    erased_at = models.DateTimeField()

    class Meta:
        ordering = ("-erased_at",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"erasure of {self.subject}"
