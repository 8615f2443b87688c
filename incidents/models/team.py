from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from audit.history import history


class Team(models.Model):
    """Who answers for services. `backup` is told too where the rules say so, and when nobody of the
    team acknowledges in time."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    members: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="teams"
    )
    backup = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="backs_up",
        help_text="The team that is paged when nobody of this one acknowledges in time.",
    )
    history = history()

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=Q(backup__isnull=True) | ~Q(backup=F("id")),
                name="team_is_not_its_own_backup",
                violation_error_message="A team cannot be its own backup.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContactMethod(models.Model):
    """Where one person is told. It counts once a code that was sent there has come back.

    Addresses are sealed, and found by a keyed digest: what the record digests of a row gives nothing
    away. One that is removed stays as a row without its address, for the deliveries that name it.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", "Email"
        SLACK = "slack", "Slack"
        PAGERDUTY = "pagerduty", "PagerDuty"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="contact_methods"
    )
    kind = models.CharField(max_length=9, choices=Kind.choices)
    sealed_address = models.BinaryField(editable=False)
    address_digest = models.BinaryField(max_length=32, editable=False)
    added_at = models.DateTimeField()
    # Of the test that is under way: what it sent, for how long, and how often it was guessed wrong.
    sealed_code = models.BinaryField(null=True, editable=False)
    code_sent_at = models.DateTimeField(null=True, blank=True)
    code_failures = models.PositiveSmallIntegerField(default=0)
    verified_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("id",)
        constraints = [
            # Whoever presses a button in Slack is one person.
            models.UniqueConstraint(
                fields=["kind", "address_digest"],
                condition=Q(removed_at__isnull=True, verified_at__isnull=False, kind="slack"),
                name="contact_slack_user_is_one_person",
            ),
            models.UniqueConstraint(
                fields=["user", "kind", "address_digest"],
                condition=Q(removed_at__isnull=True),
                name="contact_once_a_person",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["email", "slack", "pagerduty"]), name="contact_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.user}"
