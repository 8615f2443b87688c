"""The gate's own latch is an incident: P0, the governance system may be compromised."""

from audit.latches import ON_LATCH
from audit.models import GateLatch
from incidents.models import Incident
from incidents.services.incidents import incident_create
from incidents.severity import Severity


def open_incident(latch: GateLatch) -> None:
    incident_create(
        Incident(title="The governance gate has closed itself", severity=Severity.P0),
        f"{latch.reason}\n\nEverything governed is blocked until somebody verifies and releases it.",
    )


ON_LATCH.append(open_incident)
