from django.db import models


class TimelineEntry(models.Model):
    """What happened (`occurred_at`) and when it was written down (`recorded_at`). Never changed: a
    correction is a new entry that supersedes the old one."""

    class Kind(models.TextChoices):
        NOTE = "note", "Note"
        STATUS_UPDATE = "status_update", "Status update"
        TRANSITION = "transition", "Step"
        SEVERITY = "severity", "Severity"
        ROLE = "role", "Role"
        ALERT = "alert", "Alert"
        CLOCK = "clock", "Clock"
        POSTMORTEM = "postmortem", "Postmortem"
        NOTIFICATION = "notification", "Notification"
        EVIDENCE = "evidence", "Evidence"
        CONTAINMENT = "containment", "Containment"
        APPROVAL = "approval", "Approval"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="timeline"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    author = models.CharField(max_length=200)
    text = models.TextField()
    event_id = models.BigIntegerField()
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )

    class Meta:
        ordering = ("-occurred_at", "-id")
        verbose_name_plural = "timeline entries"
        indexes = [
            models.Index(fields=["incident", "-occurred_at", "-id"], name="timeline_by_incident"),
            models.Index(fields=["incident", "-id"], name="timeline_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(text=""), name="timeline_entry_says_something"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]
