from django.db import models
from django.db.models import F, Q

from audit.gate.types import Fact
from audit.principal import Principal
from incidents.models.incident import Incident


class ContainmentAction(models.Model):
    """Something that was done to stop the damage, and whether it was taken back later."""

    class Kind(models.TextChoices):
        ROLL_BACK = "roll_back", "Roll back"
        ISOLATE = "isolate", "Isolate"
        DISABLE_FEATURE = "disable_feature", "Disable a feature"
        BLOCK_ACCESS = "block_access", "Block access"
        OTHER = "other", "Other"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="containment")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    target = models.CharField(max_length=255)
    # Who did it, as the commander names them: a person, a team, a vendor.
    performed_by = models.CharField(max_length=200)
    performed_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = models.CharField(max_length=200, blank=True)
    reversal_reason = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("performed_at", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=["roll_back", "isolate", "disable_feature", "block_access", "other"]
                ),
                name="containment_kind_known",
            ),
            models.CheckConstraint(
                condition=~Q(target="") & ~Q(performed_by=""), name="containment_says_what_and_who"
            ),
            models.CheckConstraint(
                condition=Q(performed_at__lte=F("recorded_at")), name="containment_not_ahead"
            ),
            models.CheckConstraint(
                condition=Q(reversed_at__isnull=True, reversed_by="", reversal_reason="")
                | (Q(reversed_at__isnull=False) & ~Q(reversed_by="") & ~Q(reversal_reason="")),
                name="containment_reversed_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.target}"

    @property
    def governed_name(self) -> str:
        return self.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        return self.incident.governed_facts(by)
