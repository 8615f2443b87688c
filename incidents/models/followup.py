"""What a postmortem leads to: the tree of whys, and what is done about it."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Q

from audit.gate.types import Fact
from audit.principal import Principal
from incidents.models.postmortem import Postmortem
from incidents.postmortem_template import MAX_DEPTH


class Why(models.Model):
    """One answer to “why?”, below the answer that it explains. The database keeps the tree a tree."""

    postmortem = models.ForeignKey(Postmortem, on_delete=models.PROTECT, related_name="whys")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reasons"
    )
    depth = models.PositiveSmallIntegerField(default=1)
    position = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        default_permissions = ()
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="why_says_something"),
            models.CheckConstraint(
                condition=Q(depth__gte=1, depth__lte=MAX_DEPTH), name="why_not_too_deep"
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True, depth=1) | Q(parent__isnull=False, depth__gt=1),
                name="why_root_is_at_the_top",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class ActionItem(models.Model):
    """Something to be done because of an incident: by whom, until when. Outlives the acceptance."""

    class Kind(models.TextChoices):
        PREVENT = "prevent", "Prevent"
        MITIGATE = "mitigate", "Mitigate"
        DETECT = "detect", "Detect"
        PROCESS = "process", "Process"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        DROPPED = "dropped", "Dropped"

    postmortem = models.ForeignKey(Postmortem, on_delete=models.PROTECT, related_name="items")
    text = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="action_items"
    )
    due_on = models.DateField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True)
    added_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    # Counts its changes: a caller names the one that they saw.
    version = models.PositiveIntegerField(default=1)
    # Of a time when all of them were one text: whose it is and until when is a guess.
    is_carried_over = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        ordering = ("due_on", "id")
        indexes = [
            models.Index(
                fields=["due_on", "id"], name="action_item_open_by_due", condition=Q(state="open")
            ),
            models.Index(
                fields=["owner", "due_on", "id"],
                name="action_item_open_by_owner",
                condition=Q(state="open"),
            ),
            models.Index(fields=["state", "due_on", "id"], name="action_item_by_state"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="action_item_says_something"),
            models.CheckConstraint(
                condition=Q(kind__in=["prevent", "mitigate", "detect", "process"]),
                name="action_item_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(state="done", done_at__isnull=False)
                | Q(state__in=["open", "dropped"], done_at__isnull=True),
                name="action_item_done_at_when_done",
            ),
            models.CheckConstraint(
                condition=~Q(state="dropped") | ~Q(reason=""),
                name="action_item_dropped_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def governed_name(self) -> str:
        return self.postmortem.incident.number

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        return self.postmortem.incident.governed_facts(by)


class ActionReminder(models.Model):
    """Somebody was reminded of an overdue item: once in a week, which begins on `week`, a Monday."""

    item = models.ForeignKey(ActionItem, on_delete=models.PROTECT, related_name="reminders")
    week = models.DateField()
    reminded_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["item", "week"], name="action_reminder_once_a_week"),
            models.CheckConstraint(
                condition=Q(week__iso_week_day=1), name="action_reminder_week_begins_on_monday"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} in the week of {self.week}"


class PostmortemWords(models.Model):
    """What a postmortem is searched by. Filled by the database from its rows; proves nothing."""

    postmortem = models.OneToOneField(Postmortem, on_delete=models.CASCADE, primary_key=True)
    body = models.TextField()
    vector = models.GeneratedField(
        expression=SearchVector(F("body"), config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        default_permissions = ()
        indexes = [GinIndex(fields=["vector"], name="postmortem_words")]

    def __str__(self) -> str:
        return f"Words of {self.postmortem_id}"
