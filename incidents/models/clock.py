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


class ClockNotice(models.Model):
    """So much of a leg's time was gone at `due_at`, and was noticed then; 100 percent is the breach.

    Whether a clock is breached is computed from its legs alone. A notice is how people learn of it,
    and its absence is itself found (`sla replay`).
    """

    leg = models.ForeignKey(ClockLeg, on_delete=models.PROTECT, related_name="notices")
    percent = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField()
    noticed_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        ordering = ("leg", "percent")
        constraints = [
            models.UniqueConstraint(fields=["leg", "percent"], name="clock_notice_once"),
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=100), name="clock_notice_percent"
            ),
            models.CheckConstraint(
                condition=Q(noticed_at__gte=models.F("due_at")), name="clock_notice_not_early"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of leg {self.leg_id}"
