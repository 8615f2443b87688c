import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from audit.history import history
from incidents.severity import Severity


class ChannelKind(models.TextChoices):
    PAGERDUTY = "pagerduty", "PagerDuty"
    SLACK = "slack", "Slack"
    JIRA = "jira", "Jira"
    EMAIL = "email", "Email"
    WEBHOOK = "webhook", "Webhook"


class Channel(models.Model):
    """One way out, of a team or shared by all that have none of its kind. Its secrets are rows of their
    own, so that no history keeps them."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=9, choices=ChannelKind.choices)
    team = models.ForeignKey(
        "incidents.Team",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="channels",
        help_text="Whose it is. Without one it serves all teams that have no channel of this kind.",
    )
    url = models.CharField(
        "URL",
        max_length=500,
        blank=True,
        help_text="Webhook: where to send. Jira: the site. Slack and PagerDuty: empty for their own.",
    )
    destination = models.CharField(
        max_length=254,
        blank=True,
        help_text="Slack: the channel's id. Jira: the project's key. Email: the address.",
    )
    account = models.CharField(
        max_length=254, blank=True, help_text="Jira: the email address that the API token is of."
    )
    is_enabled = models.BooleanField("In use", default=True)
    history = history()

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=ChannelKind.values), name="channel_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChannelSecret(models.Model):
    """Sealed; opens for its channel alone. A webhook's former secret signs along until it retires."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=16)
    sealed = models.BinaryField(editable=False)
    set_at = models.DateTimeField()
    retires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "name"],
                condition=Q(retires_at__isnull=True),
                name="channel_secret_current_is_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.channel_id}"


class NotificationRule(models.Model):
    """Who is told of an incident of one severity, and how. Without a row, the standard holds."""

    severity = models.CharField(max_length=2, choices=Severity.choices, unique=True)
    kinds = ArrayField(models.CharField(max_length=9, choices=ChannelKind.choices))
    tells_backup = models.BooleanField(
        "The backup team too", help_text="At once, not only when nobody acknowledges."
    )
    tells_people = models.BooleanField(
        "Each member too", help_text="By all contact methods that they have confirmed."
    )
    is_automatic = models.BooleanField(
        "At once",
        help_text="An alert that opens an incident tells the team by itself, and waits for nobody.",
    )
    escalates = models.BooleanField(
        "Escalates",
        help_text="The backup team is paged when the acknowledge target passes, and its backup after it.",
    )
    history = history()

    class Meta:
        ordering = ("severity",)
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values), name="notification_rule_severity_known"
            ),
            models.CheckConstraint(
                condition=Q(kinds__contained_by=ChannelKind.values),
                name="notification_rule_kinds_known",
            ),
        ]

    def __str__(self) -> str:
        return str(self.severity)
