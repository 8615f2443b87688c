from django.db import models
from django.db.models import Q

from incidents import sla
from incidents.severity import Severity


class ClockKind(models.TextChoices):
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    RESPOND = "respond", "Respond"
    STATUS_UPDATE = "status_update", "Status update"
    POSTMORTEM = "postmortem", "Postmortem"


class ClockLeg(models.Model):
    """One leg of a clock, never changed; `sla` computes verdicts from a clock's legs.

    A clock is (incident, kind, cycle): a recurring clock begins a new cycle each time it is met.
    `target` is the promise as it stood, frozen, with the version of the policy that made it.
    """

    class Phase(models.TextChoices):
        RUNNING = sla.Phase.RUNNING.value, "Running"
        PAUSED = sla.Phase.PAUSED.value, "Paused"
        MET = sla.Phase.MET.value, "Met"
        CANCELLED = sla.Phase.CANCELLED.value, "Cancelled"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="clock_legs"
    )
    kind = models.CharField(max_length=16, choices=ClockKind.choices)
    cycle = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    phase = models.CharField(max_length=12, choices=Phase.choices)
    severity = models.CharField(max_length=2, choices=Severity.choices)
    began_at = models.DateTimeField()
    target = models.DurationField(null=True, blank=True)
    target_at = models.DateTimeField(null=True, blank=True)
    policy_version = models.CharField(max_length=32)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("incident", "kind", "cycle", "position")
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind", "cycle", "position"], name="clock_leg_in_order"
            ),
            models.CheckConstraint(
                condition=Q(phase="running", target__isnull=False, target_at__isnull=False)
                | (~Q(phase="running") & Q(target__isnull=True, target_at__isnull=True)),
                name="clock_leg_target_while_running",
            ),
            models.CheckConstraint(
                condition=~Q(phase="paused") | ~Q(reason=""), name="clock_leg_pause_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cycle}.{self.position} {self.phase}"

    def to_leg(self) -> sla.Leg:
        return sla.Leg(sla.Phase(self.phase), self.began_at, self.target_at)
