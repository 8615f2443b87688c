import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from audit.gate.types import Fact
from audit.principal import Principal
from incidents.models.channel import ChannelKind
from incidents.severity import Severity


class Reason(models.TextChoices):
    NOTIFIED = "notified", "Notified"
    ESCALATED = "escalated", "Escalated"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    STATUS_UPDATE = "status_update", "Status update"
    SEVERITY_CHANGED = "severity_changed", "Severity changed"
    RESOLVED = "resolved", "Fix verified"
    CLOSED = "closed", "Closed"
    DISMISSED = "dismissed", "False positive"
    REOPENED = "reopened", "Reopened"
    TEST = "test", "Test"


class Notification(models.Model):
    """One message to one addressee: saved with the change that causes it, sent afterwards.

    `state` is on record. What stands below it is bookkeeping of the sending: a lease while somebody is
    at it, and `accepted_at` once the other side has it, so that it is not sent again where only the
    record of that is missing yet. `reference` is what the other side calls it.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        SENT = "sent", "Sent"
        DEAD = "dead", "Given up"
        SET_ASIDE = "set_aside", "Set aside"
        SINK = "sink", "Shown here only"

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(
        "incidents.Incident",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="notifications",
    )
    reason = models.CharField(max_length=16, choices=Reason.choices)
    severity = models.CharField(max_length=2, choices=Severity.choices, blank=True)
    kind = models.CharField(max_length=9, choices=ChannelKind.choices)
    channel = models.ForeignKey(
        "incidents.Channel",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="notifications",
    )
    contact = models.ForeignKey(
        "incidents.ContactMethod",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="notifications",
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="notifications",
    )
    # Of the channel or the team, as it was called then; a person is named by the row above.
    addressee = models.CharField(max_length=100, blank=True)
    dedup_key = models.CharField(max_length=64)
    message = models.JSONField()
    queued_at = models.DateTimeField()
    event_id = models.BigIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    settled_at = models.DateTimeField(null=True, blank=True)
    resends = models.PositiveSmallIntegerField(default=0)
    rounds = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    reference = models.CharField(max_length=255, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("resend_notification", "Can send again, or set aside, what was given up")]
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["id"], name="notification_pending", condition=Q(state="pending")),
            models.Index(
                fields=["incident", "channel", "contact", "id"],
                name="notification_pending_before",
                condition=Q(state="pending"),
            ),
            models.Index(fields=["incident", "-id"], name="notification_by_incident"),
            models.Index(fields=["state", "-id"], name="notification_by_state"),
            models.Index(fields=["kind", "-id"], name="notification_by_kind"),
            models.Index(fields=["person", "-id"], name="notification_by_person"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | (~Q(state="pending") & Q(settled_at__isnull=False)),
                name="notification_settled_at_when_settled",
            ),
            models.CheckConstraint(
                condition=~Q(state="pending") | Q(channel__isnull=False) | Q(contact__isnull=False),
                name="notification_waits_for_somebody",
            ),
            models.CheckConstraint(
                condition=Q(contact__isnull=True) | Q(person__isnull=False),
                name="notification_contact_is_a_persons",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} by {self.get_kind_display()}"

    @property
    def governed_name(self) -> str | None:
        return str(self.public_id) if self.pk else None

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        """Of a restricted incident only those let in do anything to its notifications."""
        return self.incident.governed_facts(by) if self.incident else {}

    @property
    def message_id(self) -> str:
        """The same at every attempt: by it a receiver knows what it has got before."""
        return f"msg_{self.public_id.hex}"

    @property
    def is_failing(self) -> bool:
        return self.state == self.State.PENDING and self.rounds > 0


class NotificationAttempt(models.Model):
    """What one attempt came to; only ever added. `status` is that of HTTP or SMTP."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        UNAVAILABLE = "unavailable", "Not now"
        REFUSED = "refused", "Refused"
        UNANSWERED = "unanswered", "No answer"
        HELD = "held", "Not tried"

    notification = models.ForeignKey(
        Notification, on_delete=models.PROTECT, related_name="attempts"
    )
    begun_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    outcome = models.CharField(max_length=11, choices=Outcome.choices)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    answer = models.CharField(max_length=1000, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} at {self.begun_at}"


class Escalation(models.Model):
    """That nobody acknowledged by the target of this leg, and which team was paged then."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="escalations"
    )
    leg = models.ForeignKey("incidents.ClockLeg", on_delete=models.PROTECT, related_name="+")
    level = models.PositiveSmallIntegerField()
    team = models.ForeignKey(
        "incidents.Team", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    escalated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["leg", "level"], name="escalation_once_a_level"),
        ]

    def __str__(self) -> str:
        return f"Level {self.level} of {self.incident_id}"


class Ticket(models.Model):
    """An issue in Jira that stands for an incident, and its status there as last seen; when that was
    looked for is not on record."""

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="tickets"
    )
    channel = models.ForeignKey(
        "incidents.Channel", on_delete=models.PROTECT, related_name="tickets"
    )
    key = models.CharField(max_length=64)
    status = models.CharField(max_length=100, blank=True)
    made_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "channel"], name="ticket_one_an_incident_and_channel"
            ),
        ]

    def __str__(self) -> str:
        return self.key
