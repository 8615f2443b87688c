"""What was done to stop the damage, written down by the commander, and what was taken back of it."""

from datetime import datetime

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import ContainmentAction, Incident
from incidents.procedure import State
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, ValidationFailed

MAX_TARGET = 255
MAX_WHO = 200
MOST = 100
# Before somebody has acknowledged it, nobody contains it.
TOO_EARLY = {State.DETECTED, State.CLASSIFIED, State.NOTIFIED}


@governed(actions.CONTAIN, on="incident", about=("target",))
def containment_record(
    *,
    incident: Incident,
    by: Principal,
    kind: str,
    target: str,
    performed_by: str,
    performed_at: datetime | None = None,
) -> ContainmentAction:
    """`performed_by` is who did it, in words; `performed_at` is now where it is not given."""
    if kind not in ContainmentAction.Kind.values:
        message = f"One of {', '.join(ContainmentAction.Kind.values)}."
        raise ValidationFailed([FieldError("kind", message)])
    target = _short(target, "target", MAX_TARGET)
    performed_by = _short(performed_by, "performed_by", MAX_WHO)
    at = current().at
    performed_at = performed_at or at
    if performed_at > at:
        raise ValidationFailed([FieldError("performed_at", "This is in the future.")])
    locked = incident_lock(incident)
    if not locked.is_open or locked.state in TOO_EARLY:
        message = "Containment is recorded once the incident is acknowledged, until it has ended."
        raise Conflict(message)
    if locked.containment.count() >= MOST:
        message = f"An incident has at most {MOST} containment actions."
        raise ValidationFailed([FieldError("target", message)])
    done = ContainmentAction.objects.create(
        incident=locked,
        kind=kind,
        target=target,
        performed_by=performed_by,
        performed_at=performed_at,
        recorded_at=at,
        recorded_by=by.recorded,
    )
    current().note(
        containment=done.pk,
        kind=kind,
        target=target,
        performed_by=performed_by,
        performed_at=performed_at.isoformat(),
    )
    text = f"{done.get_kind_display()}: {target}, by {performed_by}"
    entry_add(locked, Kind.CONTAINMENT, text, occurred_at=performed_at)
    return done


@governed(actions.REVERSE, on="containment", about=("reason",))
def containment_reverse(
    *, containment: ContainmentAction, by: Principal, reason: str
) -> ContainmentAction:
    """It was taken back, and why."""
    reason = said(reason, "reason")
    incident = incident_lock(containment.incident)
    locked = ContainmentAction.objects.get(pk=containment.pk)
    locked.incident = incident
    if not incident.is_open:
        message = f"{incident.number} has ended; reopen it first."
        raise Conflict(message)
    if locked.reversed_at is not None:
        message = "This was reversed already."
        raise Conflict(message)
    locked.reversed_at, locked.reversed_by = current().at, by.recorded
    locked.reversal_reason = reason
    locked.save()
    current().note(containment=locked.pk, target=locked.target, reason=reason)
    entry_add(incident, Kind.CONTAINMENT, f"Reversed: {locked}: {reason}")
    return locked


def _short(text: str, field: str, most: int) -> str:
    text = " ".join(said(text, field).split())
    if len(text) > most:
        raise ValidationFailed([FieldError(field, f"At most {most} characters.")])
    return text
