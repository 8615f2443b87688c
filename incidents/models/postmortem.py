from django.conf import settings
from django.db import models
from django.db.models import F, Q

from audit.gate.types import Fact
from audit.history import history
from audit.principal import PersonName, Principal
from incidents.models.incident import Incident


class Postmortem(models.Model):
    """Blameless: what happened, why, and what is done about it. Accepted by a second person."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT)
    summary = models.TextField()
    impact = models.TextField()
    root_cause = models.TextField()
    five_whys = models.TextField()
    lessons = models.TextField(blank=True)
    action_items = models.TextField(help_text="One a line, with its owner and due date.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="postmortems"
    )
    version = models.PositiveIntegerField(default=1)
    written_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="postmortems_accepted",
    )
    history = history()

    class Meta:
        permissions = [("accept_postmortem", "Can accept a postmortem")]
        constraints = [
            models.UniqueConstraint(fields=["incident"], name="postmortem_one_per_incident"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="postmortem_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by__isnull=True) | ~Q(accepted_by=F("author")),
                name="postmortem_accepted_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"Postmortem of {self.incident}"

    @property
    def governed_name(self) -> str:
        return self.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        facts = self.incident.governed_facts(by)
        return {**facts, "author": PersonName(self.author)}
