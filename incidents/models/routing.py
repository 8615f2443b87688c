from collections.abc import Mapping

from django.contrib.postgres.fields import ArrayField
from django.db import models

from audit.history import history
from incidents.severity import Severity


class Service(models.Model):
    """Something that can break, as its users would name it."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    team = models.ForeignKey(
        "incidents.Team",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="services",
        help_text="Who is told when it breaks.",
    )
    # Null for no: rows of before it was there keep their digest in the ledger.
    is_public = models.BooleanField(
        null=True,
        blank=True,
        verbose_name="On the status page",
        help_text="Listed on /status/ by its name, also while nothing is wrong with it.",
    )
    history = history()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """A detector. Together with the dedup key it is an alert's identity."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    history = history()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class SeverityRule(models.Model):
    """One line of the severity mapping. Lines are read from the top; the first that fits decides."""

    position = models.PositiveIntegerField(unique=True, help_text="Lower positions are read first.")
    texts = ArrayField(
        models.CharField(max_length=64),
        blank=True,
        default=list,
        help_text="Severities as detectors say them, in lower case. Empty fits any, even none.",
    )
    label_names = ArrayField(
        models.CharField(max_length=128),
        blank=True,
        default=list,
        help_text="Labels to look at. Empty looks at all of them.",
    )
    label_values = ArrayField(
        models.CharField(max_length=255),
        blank=True,
        default=list,
        help_text="Fits when one of those labels has one of these values. Empty asks for no label.",
    )
    severity = models.CharField(max_length=2, choices=Severity.choices)
    # Null for no: rows of before it was there keep their digest in the ledger.
    restricts = models.BooleanField(
        null=True,
        blank=True,
        verbose_name="Restricted",
        help_text="Only who is let in knows of the incident: for what an attacker should not read.",
    )
    history = history()

    class Meta:
        ordering = ("position",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(severity__in=Severity.values),
                name="severity_rule_severity_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.severity}"

    def fits(self, text: str, labels: Mapping[str, str]) -> bool:
        if self.texts and text.lower() not in {known.lower() for known in self.texts}:
            return False
        if not self.label_values:
            return True
        names = self.label_names or labels.keys()
        wanted = {value.lower() for value in self.label_values}
        return any(labels[name].lower() in wanted for name in names if name in labels)
