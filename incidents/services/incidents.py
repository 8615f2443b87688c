from audit.governed import governed
from audit.models import User
from audit.principal import Principal, subject
from audit.record import current
from incidents import actions
from incidents.models import Incident, IncidentRole
from incidents.procedure import ENDED, State, Transition, current_step, find, transitions_from
from incidents.services import checklists, clocks, publishing, telling
from incidents.services.entries import Kind, entry_add, said
from incidents.services.handovers import change_holder, holder_of, may_hold
from incidents.services.locking import incident_lock
from incidents.services.restriction import let_in_with_it
from incidents.severity import Severity
from portal.lib.errors import Conflict, FieldError, ValidationFailed

MAX_TITLE = 255


@governed(lambda arguments: actions.MOVES[arguments["name"]], on="incident", about=("reason",))
def incident_transition(
    *, incident: Incident, name: str, by: Principal, version: int | None = None, reason: str = ""
) -> Incident:
    """Moves the incident along the arrow called `name`, one of `procedure.NAMES`.

    `version` is the one the caller saw; without it, the one of `incident`. Raises `Conflict` where
    the procedure has no such step from here, or the incident has moved since.
    """
    locked = incident_lock(incident, version=incident.version if version is None else version)
    transition = find(name, locked.state, locked.severity)
    if transition is None:
        raise Conflict(_no_such_step(name, locked))
    reason = said(reason, "reason", is_required=transition.is_reason_required)
    before, after = current_step(locked.state), current_step(transition.target)
    unanswered = []
    if before != after and transition.target != State.FALSE_POSITIVE:
        unanswered = checklists.left_open(locked, before)
    if transition.target == State.DOCUMENTING:
        checklists.insist(before, unanswered)
    record = current()
    record.note(
        transition=name, from_state=locked.state, to_state=transition.target.value, reason=reason
    )
    source, locked.state = locked.state, transition.target
    locked.version += 1
    _stamp(locked, transition)
    locked.save()
    clocks.on_state(locked, dismissed=transition.target == State.FALSE_POSITIVE)
    publishing.on_step(locked, source)
    if before != after:
        checklists.begin(locked, after)
    text = locked.get_state_display()
    text = f"{text}: {reason}" if reason else text
    if unanswered:
        left = "; ".join(item.text for item in unanswered)
        record.note(left_open=[item.text for item in unanswered])
        text = f"{text} (left open: {left})"
    entry_add(locked, Kind.TRANSITION, text)
    telling.on_move(locked, transition, reason)
    return locked


def _stamp(incident: Incident, transition: Transition) -> None:
    at = current().at
    if transition.target == State.ACKNOWLEDGED and incident.acknowledged_at is None:
        incident.acknowledged_at = at
    if transition.target == State.DOCUMENTING:
        incident.resolved_at = at
    if transition.target in ENDED:
        incident.ended_at = at
        incident.next_target_at = None
    if transition.source in ENDED:
        incident.ended_at = incident.resolved_at = None


def _no_such_step(name: str, incident: Incident) -> str:
    possible = dict.fromkeys(t.label for t in transitions_from(incident.state, incident.severity))
    verb = actions.MOVES[name].verb.replace("-", " ")
    return (
        f"“{verb}” does not follow from “{incident.get_state_display().lower()}”"
        f" for {incident.severity}. Possible now: {', '.join(possible) or 'nothing'}."
    )


@governed(actions.OPEN, on="incident")
def incident_open(*, incident: Incident, by: Principal, description: str = "") -> Incident:
    """Opens an incident that a person reports. `incident` is unsaved: title, severity, service."""
    return incident_create(incident, description)


@governed(actions.OPEN_RESTRICTED, on="incident")
def incident_open_restricted(
    *, incident: Incident, by: Principal, description: str = ""
) -> Incident:
    """Opens one restricted from its first moment, for a program of whoever may restrict it."""
    return incident_create(incident, description)


def incident_create(incident: Incident, description: str = "") -> Incident:
    """Saves a new incident within the running governed call, and starts its clocks."""
    record = current()
    incident.title = said(incident.title, "title")
    if len(incident.title) > MAX_TITLE:
        raise ValidationFailed([FieldError("title", f"At most {MAX_TITLE} characters.")])
    incident.detected_at = record.at
    incident.save()
    record.target = f"{incident._meta.label_lower}:{incident.number}"
    record.note(
        incident=incident.number,
        severity=incident.severity,
        service=incident.service.slug if incident.service else None,
    )
    clocks.on_state(incident)
    checklists.begin(incident, current_step(incident.state))
    description = said(description, "description", is_required=False)
    opening = f"Opened as {incident.severity}: {incident.title}"
    entry_add(incident, Kind.TRANSITION, opening)
    if description:
        entry_add(incident, Kind.NOTE, description)
    if incident.is_restricted:
        record.note(let_in=let_in_with_it(incident))
    return incident


@governed(actions.CHANGE_SEVERITY, on="incident", about=("severity",))
def incident_change_severity(
    *,
    incident: Incident,
    by: Principal,
    severity: Severity,
    reason: str,
    version: int | None = None,
) -> Incident:
    reason = said(reason, "reason")
    locked = incident_lock(incident, version=incident.version if version is None else version)
    if locked.severity == severity:
        message = f"{locked.number} is {severity.value} already."
        raise Conflict(message)
    if not locked.is_open:
        message = f"{locked.number} has ended; reopen it first."
        raise Conflict(message)
    before, locked.severity = locked.severity, severity
    locked.version += 1
    current().note(from_severity=before, to_severity=severity.value, reason=reason)
    locked.save()
    clocks.on_severity(locked)
    publishing.on_severity(locked)
    entry_add(locked, Kind.SEVERITY, f"{before} → {severity.value}: {reason}")
    telling.on_severity(locked, before, reason)
    return locked


@governed(actions.ASSIGN, on="incident")
def incident_assign(  # noqa: PLR0913 - all that a hand-over says
    *,
    incident: Incident,
    by: Principal,
    role: IncidentRole.Role,
    user: User,
    held_by: User | None = None,
    reason: str = "",
) -> IncidentRole:
    """Gives the role to the person; whoever held it hands it over. Raises `Conflict` where that is no
    longer `held_by`, if one is named."""
    reason = said(reason, "reason", is_required=False)
    locked = incident_lock(incident)
    holder = holder_of(locked, role)
    if holder is not None and holder.user == user:
        message = f"{user} is {role.label.lower()} already."
        raise Conflict(message)
    if held_by and (holder is None or holder.user != held_by):
        message = f"{role.label} is no longer {held_by}."
        raise Conflict(message)
    may_hold(user, locked)
    assigned = change_holder(locked, role, user, holder)
    if reason:
        current().note(reason=reason)
    handed = f", handed over by {subject(holder.user)}" if holder else ""
    because = f": {reason}" if reason else ""
    entry_add(locked, Kind.ROLE, f"{role.label}: {subject(user)}{handed}{because}")
    return assigned
