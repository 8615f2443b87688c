"""What the audit viewer keeps beside the record: what it searches by, and views that people saved."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from audit.models.ledger import Event


class SearchEntry(models.Model):
    """The words of an entry and the objects it is about, derived from it by `audit.search`."""

    event = models.OneToOneField(
        Event,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        related_name="search",
        db_constraint=False,
    )
    at = models.DateTimeField(editable=False)
    document = SearchVectorField(editable=False)
    about = ArrayField(models.TextField(), editable=False)

    class Meta:
        managed = False
        db_table = "audit_search"
        default_permissions = ()

    def __str__(self) -> str:
        return f"words of event {self.event_id}"


class SearchProgress(models.Model):
    """The one row that says how many leaves of the log can be searched."""

    singleton = models.BooleanField(primary_key=True, default=True)
    size = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "audit_search_progress"
        default_permissions = ()

    def __str__(self) -> str:
        return f"searchable up to {self.size}"


class AuditView(models.Model):
    """Filters of the audit viewer under a name. Times in it that were relative stay so."""

    name = models.CharField(max_length=80)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="audit_views"
    )
    is_shared = models.BooleanField(default=False)
    params: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("name", "id")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="audit_view_one_of_a_name"),
            models.CheckConstraint(condition=~models.Q(name=""), name="audit_view_has_a_name"),
        ]
        indexes = [
            models.Index(
                fields=["name"], name="audit_view_shared", condition=models.Q(is_shared=True)
            )
        ]

    def __str__(self) -> str:
        return self.name
