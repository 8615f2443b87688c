"""P0–P3 as the standard defines them (section XVI), as data for pages, clocks and docs."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import models


class Severity(models.TextChoices):
    P0 = "P0", "P0 Critical"
    P1 = "P1", "P1 High"
    P2 = "P2", "P2 Medium"
    P3 = "P3", "P3 Low"


@dataclass(frozen=True, slots=True)
class Definition:
    severity: Severity
    definition: str
    examples: tuple[str, ...]
    response: timedelta
    notification: str
    team: str
    communication: str
    status_update_every: timedelta | None
    needs_postmortem: bool


DEFINITIONS: dict[str, Definition] = {
    definition.severity.value: definition
    for definition in (
        Definition(
            Severity.P0,
            "Complete service outage, data loss, security breach",
            (
                "All pods down",
                "Database corruption",
                "Unauthorized access detected",
                "Data exfiltration",
                "Governance system compromised",
            ),
            response=timedelta(minutes=15),
            notification="Page on-call immediately",
            team="All hands on deck",
            communication="Status page update every 30 min",
            status_update_every=timedelta(minutes=30),
            needs_postmortem=True,
        ),
        Definition(
            Severity.P1,
            "Major functionality unavailable, significant performance degradation",
            (
                "API error rate > 10%",
                "Memory leak causing crashes",
                "External API down",
                "Authentication failures",
            ),
            response=timedelta(hours=1),
            notification="Page on-call",
            team="On-call + backup",
            communication="Status page update every 2 hours",
            status_update_every=timedelta(hours=2),
            needs_postmortem=True,
        ),
        Definition(
            Severity.P2,
            "Minor functionality unavailable, performance issues",
            (
                "Non-critical feature broken",
                "Slow queries (p95 > 2s)",
                "Image generation failing",
                "Plugin errors",
            ),
            response=timedelta(hours=4),
            notification="Slack alert",
            team="On-call engineer",
            communication="Post-incident report",
            status_update_every=None,
            needs_postmortem=False,
        ),
        Definition(
            Severity.P3,
            "Cosmetic issues, non-urgent improvements",
            ("UI glitches", "Documentation errors", "Logging issues", "Non-critical warnings"),
            response=timedelta(hours=24),
            notification="Ticket creation",
            team="Regular rotation",
            communication="Fix in next release",
            status_update_every=None,
            needs_postmortem=False,
        ),
    )
}
