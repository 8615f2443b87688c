from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from audit.gate.types import Fact
from audit.principal import Principal


class EvidenceHold(models.Model):
    """What an incident may need as evidence is kept: all logs of these services (of all, where none
    is named) from `since` until the hold is released, or until `until` where it names an end.

    A hold outlives its incident, and every retention: nothing that one covers is deleted or moved.
    """

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="evidence_holds"
    )
    services = ArrayField(models.SlugField(max_length=64), default=list, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    placed_at = models.DateTimeField()
    placed_by = models.CharField(max_length=200)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=200, blank=True)
    release_reason = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("-id",)
        permissions = [("release_evidence", "Can release what is kept as evidence")]
        indexes = [
            # What every deletion of logs asks.
            models.Index(
                fields=["since"],
                name="evidence_held",
                condition=Q(released_at__isnull=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(released_at__isnull=True),
                name="evidence_held_once_an_incident",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")),
                name="evidence_until_after_since",
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by="", release_reason="")
                | (Q(released_at__isnull=False) & ~Q(released_by="") & ~Q(release_reason="")),
                name="evidence_released_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"Evidence of {self.incident}"

    @property
    def governed_name(self) -> str:
        return self.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        return self.incident.governed_facts(by)
