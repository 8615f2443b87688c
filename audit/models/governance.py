import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from audit.gate.types import Fact
from audit.history import history
from audit.principal import Principal


class GateLatch(models.Model):
    """One time that the gate was closed: why, what was known, who opened it again, what came of it."""

    id = models.UUIDField(primary_key=True)
    closed_at = models.DateTimeField()
    reason = models.TextField()
    evidence = models.JSONField()
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="latches_released",
    )
    release_reason = models.TextField(blank=True)
    review = models.TextField(blank=True)

    class Meta:
        ordering = ("-closed_at",)
        default_permissions = ("view",)
        permissions = [("release_gate", "Can release the gate after it latched")]
        indexes = [models.Index(fields=["id"], name="latch_closed", condition=Q(released_at=None))]
        constraints = [
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True)
                | (Q(released_at__isnull=False, released_by__isnull=False) & ~Q(release_reason="")),
                name="latch_released_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"Gate latched {self.closed_at:%Y-%m-%d %H:%M}"


class PolicySet(models.Model):
    """One version of the organisation's rules, in Cedar. A version that was validated never changes."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        VALIDATED = "validated", "Validated"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    version = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=200)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="policy_sets",
    )
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="policy_sets_activated",
    )
    history = history()

    class Meta:
        ordering = ("-version",)
        permissions = [("activate_policyset", "Can activate a policy set written by another")]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="active"), name="policy_set_one_active"
            ),
            models.CheckConstraint(
                condition=Q(activated_by__isnull=True)
                | Q(author__isnull=True)
                | ~Q(activated_by=F("author")),
                name="policy_set_activated_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version} {self.title}"

    def governed_facts(self, _by: Principal) -> dict[str, Fact]:
        return {"author": f"user:{self.author.username}" if self.author else "system:first-run"}


class ApprovalRequest(models.Model):
    """A call that the policies let through only with approvals: what exactly would run, for whom."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for approval"
        EXECUTED = "executed", "Done"
        DENIED = "denied", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"
        FAILED = "failed", "Could not be done"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(max_length=100)
    service = models.CharField(max_length=200)
    target = models.CharField(max_length=200)
    arguments = models.JSONField()
    arguments_sha256 = models.CharField(max_length=64)
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approval_requests"
    )
    reason = models.TextField()
    needed = models.PositiveSmallIntegerField(default=1)
    policy_digest = models.CharField(max_length=64)
    # Kept as it was asked, for those who decide: which rules held it up, how what it changes stood
    # then, and the rows among its arguments that can be restricted.
    rules = models.JSONField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True)
    subject_sha256 = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null: the row counts versions
    subjects = ArrayField(models.BigIntegerField(), null=True, blank=True)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    decided_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True)

    class Meta:
        ordering = ("-requested_at",)
        permissions = [("decide_approvalrequest", "Can approve or deny what others ask for")]
        indexes = [
            models.Index(fields=["state", "-requested_at"], name="approval_by_state"),
            models.Index(fields=["requester", "-requested_at"], name="approval_by_requester"),
            models.Index(fields=["-requested_at", "-id"], name="approval_by_time"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("requested_at")),
                name="approval_expires_after_requested",
            ),
            models.CheckConstraint(condition=Q(needed__gte=1), name="approval_needs_somebody"),
            models.UniqueConstraint(
                fields=["requester", "action", "arguments_sha256"],
                condition=Q(state="pending"),
                name="approval_asked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} on {self.target}"

    def governed_facts(self, _by: Principal) -> dict[str, Fact]:
        return {"author": f"user:{self.requester.username}", "state": self.state}


class Approval(models.Model):
    """One person's answer to a request. Never changed."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals"
    )
    is_approved = models.BooleanField()
    reason = models.TextField(blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["request", "approver"], name="approval_once_a_person"),
        ]

    def __str__(self) -> str:
        return f"{'approved' if self.is_approved else 'denied'} by {self.approver}"
