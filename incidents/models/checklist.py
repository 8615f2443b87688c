"""What is to be done in each step: as administrators set it up, and as it stands in one incident."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from audit.gate.types import Fact
from audit.history import history
from audit.principal import Principal
from incidents.checklist_lines import problem_of
from incidents.models.incident import Incident
from incidents.procedure import STEPS
from incidents.severity import Severity


def check_lines(text: str) -> None:
    if problem := problem_of(text):
        raise ValidationError(problem)


class ChecklistTemplate(models.Model):
    """The list of one step. Of those that fit an incident the most particular one counts alone: one
    for its service before one for its severity, and both before either."""

    step = models.PositiveSmallIntegerField(
        choices=[(step.number, f"{step.number} {step.name}") for step in STEPS],
        validators=[MinValueValidator(1), MaxValueValidator(10)],
    )
    service = models.ForeignKey(
        "incidents.Service",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checklists",
        help_text="Only for incidents of this service. Empty fits any.",
    )
    severity = models.CharField(
        max_length=2,
        choices=Severity.choices,
        blank=True,
        help_text="Only for incidents of this severity. Empty fits any.",
    )
    items = models.TextField(
        validators=[check_lines],
        help_text="One a line. A line that begins with * is required.",
    )
    history = history()

    class Meta:
        ordering = ("step", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["step", "service", "severity"],
                nulls_distinct=False,
                name="checklist_template_once",
                violation_error_message="There is a checklist for this step, service and severity.",
            ),
            models.CheckConstraint(
                condition=Q(step__gte=1, step__lte=10), name="checklist_template_step_known"
            ),
            models.CheckConstraint(
                condition=Q(severity="") | Q(severity__in=Severity.values),
                name="checklist_template_severity_known",
            ),
            models.CheckConstraint(condition=~Q(items=""), name="checklist_template_has_items"),
        ]

    def __str__(self) -> str:
        return f"Step {self.step}"


class ChecklistItem(models.Model):
    """One thing to do in one step of one incident. A step that is begun again begins its list again:
    `round` counts that, and what was done before stays as it was."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        NOT_APPLICABLE = "not_applicable", "Not applicable"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="checklist")
    step = models.PositiveSmallIntegerField()
    round = models.PositiveSmallIntegerField(default=1)
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=500)
    is_required = models.BooleanField(default=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checklist_items",
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True)
    evidence = models.TextField(blank=True)
    evidence_url = models.URLField(max_length=1000, blank=True)
    done_by = models.CharField(max_length=200, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()
    # Counts its changes: a caller names the one that they saw.
    version = models.PositiveIntegerField(default=1)

    class Meta:
        default_permissions = ()
        ordering = ("step", "round", "position", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "step", "round", "position"], name="checklist_item_placed_once"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="checklist_item_says_something"),
            models.CheckConstraint(
                condition=Q(step__gte=1, step__lte=10), name="checklist_item_step_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", done_by="", done_at__isnull=True)
                | (Q(state__in=["done", "not_applicable"], done_at__isnull=False) & ~Q(done_by="")),
                name="checklist_item_done_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="not_applicable") | ~Q(reason=""),
                name="checklist_item_not_applicable_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(evidence_url="") | Q(evidence_url__regex=r"^https?://"),
                name="checklist_item_evidence_is_a_web_address",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def governed_name(self) -> str:
        return self.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        return self.incident.governed_facts(by)
