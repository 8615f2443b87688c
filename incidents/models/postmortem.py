from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from audit.gate.types import Fact
from audit.history import history
from audit.models import User
from audit.principal import PersonName, Principal
from incidents.models.incident import Incident
from incidents.postmortem_template import MAX_FACTOR, SECTIONS, digest


def _later_text() -> "models.TextField[str | None, str | None]":
    """Null in rows made before there was such a column, so that their digests on record still hold."""
    return models.TextField(null=True, blank=True)


class Postmortem(models.Model):
    """Blameless: what happened, why, and what is done about it. Accepted by a second person.

    `version` counts every change of what it says, its whys and the action items agreed on; review is
    of one version. Its first author is who changed it last; all who wrote it are `writers`.
    """

    class Status(models.TextChoices):
        """In words, as pages and the API tell it; it follows from what is stored."""

        DRAFT = "Draft"
        IN_REVIEW = "In review"
        ACCEPTED = "Accepted"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT)
    summary = models.TextField(blank=True)
    impact = models.TextField(blank=True)
    root_cause = models.TextField(blank=True)
    lessons = models.TextField(blank=True)
    contributing_factors = ArrayField(
        models.CharField(max_length=MAX_FACTOR), null=True, blank=True
    )
    went_well = _later_text()
    went_wrong = _later_text()
    lucky = _later_text()
    # Before there were rows for them; kept for the version that still writes them.
    five_whys = models.TextField(blank=True, default="", db_default="")
    action_items = models.TextField(blank=True, default="", db_default="")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="postmortems"
    )
    version = models.PositiveIntegerField(default=1)
    written_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Why it was sent back, until it is submitted again.
    sent_back = _later_text()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="postmortems_accepted",
    )
    history = history()

    class Meta:
        permissions = [("accept_postmortem", "Can accept a postmortem")]
        constraints = [
            models.UniqueConstraint(fields=["incident"], name="postmortem_one_per_incident"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="postmortem_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by__isnull=True) | ~Q(accepted_by=F("author")),
                name="postmortem_accepted_by_another",
            ),
            models.CheckConstraint(
                condition=Q(submitted_at__isnull=True, submitted_by__isnull=True)
                | Q(submitted_at__isnull=False, submitted_by__isnull=False),
                name="postmortem_submitted_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Postmortem of {self.incident}"

    @property
    def governed_name(self) -> str:
        return self.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        """Whoever wrote a part of it is its author to the rules: nobody accepts their own work."""
        facts = self.incident.governed_facts(by)
        has_part = by.user is not None and by.user.pk in self.writers()
        author = by.user if by.user is not None and has_part else self.author
        return {**facts, "author": PersonName(author)}

    def writers(self) -> set[int]:
        """Who wrote any version of it, or said that it is ready."""
        rows = (
            self.history.order_by("version", "history_id")
            .distinct("version")
            .values_list("history_user_id", flat=True)
        )
        found = {self.author_id, *rows} | (
            {self.submitted_by_id} if self.submitted_by_id else set()
        )
        return {pk for pk in found if pk is not None}

    def last_writer_of(self, section: str) -> tuple[User | None, object]:
        """Who gave a section the text that it has, and when."""
        rows = self.history.order_by("-history_id").select_related("history_user")
        newest = None
        for row in rows.iterator(chunk_size=50):
            if newest is not None and digest(getattr(row, section)) != digest(
                getattr(newest, section)
            ):
                break
            newest = row
        if newest is None:
            return self.author, self.written_at
        return newest.history_user, newest.history_date

    @property
    def is_in_review(self) -> bool:
        return self.submitted_at is not None and self.accepted_at is None

    @property
    def status(self) -> str:
        if self.accepted_at:
            return self.Status.ACCEPTED.value
        return (self.Status.IN_REVIEW if self.is_in_review else self.Status.DRAFT).value

    def texts(self) -> dict[str, object]:
        return {section.name: getattr(self, section.name) for section in SECTIONS}
