from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone

from audit.gate.types import Fact
from audit.history import history
from audit.principal import Principal
from incidents.procedure import ENDED, OPEN, State
from incidents.severity import DEFINITIONS, Severity

# The guardian object permission that lets a person see and work one restricted incident.
RESTRICTED = "incidents.see_restricted_incident"
# Who holds it is let in whenever an incident is restricted.
OVERSEE = "incidents.oversee_restricted_incident"

# Whether a person commands an incident, and whether a post-mortem of it was accepted.
_STANDING = """SELECT
    EXISTS (SELECT FROM incidents_incidentrole
            WHERE incident_id = %s AND user_id = %s AND role = 'commander' AND ended_at IS NULL),
    EXISTS (SELECT FROM incidents_postmortem WHERE incident_id = %s AND accepted_at IS NOT NULL)
"""


class Incident(models.Model):
    """One incident; `INC-1042` is the one with primary key 1042.

    `version` counts its moves (state and severity): a caller names the one that they saw, and the
    database refuses a move that does not raise it by one.
    """

    title = models.CharField(max_length=255)
    severity = models.CharField(max_length=2, choices=Severity.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DETECTED)
    version = models.PositiveIntegerField(default=1)
    service = models.ForeignKey(
        "incidents.Service",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents",
    )
    is_restricted = models.BooleanField(default=False)
    is_drill = models.BooleanField(default=False)
    detected_at = models.DateTimeField(default=timezone.now)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # The nearest deadline of its running clocks: a stored instant, so that lists sort by it.
    next_target_at = models.DateTimeField(null=True, blank=True)
    history = history()

    class Meta:
        ordering = ("-id",)
        permissions = [
            ("respond_incident", "Can work an incident through the procedure"),
            ("command_incident", "Can close, dismiss, reopen and staff incidents"),
            ("restrict_incident", "Can restrict incidents and let people in"),
            ("oversee_restricted_incident", "Is let in to every restricted incident"),
            ("see_restricted_incident", "Can see and work this restricted incident"),
        ]
        indexes = [
            models.Index(
                fields=["severity", "next_target_at", "id"],
                name="incident_open_by_deadline",
                condition=Q(state__in=OPEN),
            ),
            models.Index(fields=["state", "-id"], name="incident_by_state"),
            models.Index(fields=["severity", "-id"], name="incident_by_severity"),
            models.Index(fields=["service", "-id"], name="incident_by_service"),
            models.Index(fields=["detected_at"], name="incident_by_detection"),
            # Searches look for words anywhere in the title.
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="incident_title_words"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values), name="incident_severity_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="incident_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, ended_at__isnull=False)
                | Q(state__in=OPEN, ended_at__isnull=True),
                name="incident_ended_at_when_ended",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN) | Q(next_target_at__isnull=True),
                name="incident_ended_without_deadline",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"INC-{self.pk}" if self.pk else "INC-new"

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED

    @property
    def needs_postmortem(self) -> bool:
        return DEFINITIONS[self.severity].needs_postmortem

    @property
    def governed_name(self) -> str | None:
        return self.number if self.pk else None

    def governed_facts(self, by: Principal) -> dict[str, Fact]:
        """What axioms and policies may ask about an incident."""
        is_commander, has_accepted = self._standing(by)
        return {
            "severity": self.severity,
            "state": self.state,
            "is_restricted": self.is_restricted,
            "is_visible": self.is_restricted and self._lets_in(by),
            "is_commander": is_commander,
            "has_accepted_postmortem": has_accepted,
        }

    def _standing(self, by: Principal) -> tuple[bool, bool]:
        """In one question, for it is asked before everything that is done to an incident."""
        if self._state.adding:
            return False, False
        with connection.cursor() as cursor:
            cursor.execute(_STANDING, [self.pk, by.user.pk if by.user else None, self.pk])
            is_commander, has_accepted = cursor.fetchone()
        return is_commander, has_accepted

    def _lets_in(self, by: Principal) -> bool:
        """Who opens one is let in with it."""
        return by.user is not None and (self._state.adding or by.user.has_perm(RESTRICTED, self))


class IncidentRole(models.Model):
    """Who holds a role in an incident. A hand-over ends one row and adds another."""

    class Role(models.TextChoices):
        COMMANDER = "commander", "Commander"
        DEPUTY = "deputy", "Deputy"
        SCRIBE = "scribe", "Scribe"
        COMMUNICATIONS = "communications", "Communications"
        OPERATIONS = "operations", "Operations lead"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="roles")
    role = models.CharField(max_length=16, choices=Role.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="incident_roles"
    )
    assigned_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "role"],
                condition=Q(ended_at__isnull=True),
                name="incident_role_held_by_one",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("assigned_at")),
                name="incident_role_ended_after_assigned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} of {self.incident_id}"


class ProcedureTransition(models.Model):
    """The transition table as the database's trigger reads it; filled from `procedure.TRANSITIONS`
    by migrations, and read-only to the application."""

    is_read_only = True

    name = models.CharField(max_length=16)
    source = models.CharField(max_length=16)
    target = models.CharField(max_length=16)
    severity = models.CharField(max_length=2)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["source", "target", "severity"], name="procedure_transition_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target} ({self.severity})"
