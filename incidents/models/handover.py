from django.conf import settings
from django.db import models
from django.db.models import Q

from audit.gate.types import Fact
from audit.principal import Principal
from incidents.models.incident import Incident, IncidentRole


class RoleHandover(models.Model):
    """A role offered by its holder to somebody, who accepts or not. Until then nothing changes."""

    class State(models.TextChoices):
        PENDING = "pending", "Offered"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="handovers")
    role = models.CharField(max_length=16, choices=IncidentRole.Role.choices)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="roles_offered"
    )
    successor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="roles_offered_to"
    )
    note = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    reason = models.TextField(blank=True)
    offered_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "role"],
                condition=Q(state="pending"),
                name="role_offered_to_one",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | Q(state__in=["accepted", "declined", "withdrawn"], settled_at__isnull=False),
                name="role_handover_settled_once_answered",
            ),
            models.CheckConstraint(
                condition=~Q(holder=models.F("successor")), name="role_handover_between_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} of {self.incident_id}"

    @property
    def governed_name(self) -> str:
        return self.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        return self.incident.governed_facts(by)
