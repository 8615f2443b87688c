from audit.gate.types import Action
from audit.governed import register
from audit.principal import Principal

EXPORT = register(
    Action(
        "audit:evidence:export",
        event="evidence_exported",
        permission="audit.view_event",
        scope="audit:read",
        is_for_system=True,
    )
)
# A token that acts for nobody passes by its scope alone, as it does where it reads events. One that
# acts for somebody needs what that person needs, so it is asked about `EXPORT`.
EXPORT_BY_CLIENT = register(
    Action(
        "audit:evidence:export-by-client",
        event="evidence_exported",
        scope="audit:read",
        is_for_clients=True,
    )
)
REQUESTED, FAILED = "evidence_export_requested", "evidence_export_failed"


def action_for(by: Principal) -> Action:
    return EXPORT_BY_CLIENT if by.kind == "token" and by.user is None else EXPORT
