"""A role goes from one to another once both said so: its holder offers it, the other accepts.

Only the acceptance changes who holds it. Where nobody holds a role, or its holder does not answer, a
commander takes it, with a reason.
"""

from audit.governed import governed
from audit.models import User
from audit.principal import Principal, subject
from audit.record import current
from incidents import actions
from incidents.models import Incident, IncidentRole, RoleHandover
from incidents.models.incident import RESTRICTED
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, GovernanceDenied, ValidationFailed

Role, State = IncidentRole.Role, RoleHandover.State


@governed(actions.HANDOVER["offer"], on="incident")
def role_offer(
    *, incident: Incident, by: Principal, role: IncidentRole.Role, user: User, note: str = ""
) -> RoleHandover:
    """Offers a role that one holds. `note` tells the other what they should know."""
    note = said(note, "note", is_required=False)
    locked = _going_on(incident)
    holder = holder_of(locked, role)
    if holder is None or by.user is None or holder.user_id != by.user.pk:
        message = f"Only who is {role.label.lower()} hands that over."
        raise GovernanceDenied(message)
    if user.pk == holder.user_id:
        raise ValidationFailed([FieldError("user", "You hold this role.")])
    may_hold(user, locked)
    if pending := locked.handovers.filter(role=role, state=State.PENDING).first():
        message = f"It is offered to {pending.successor} already; withdraw that first."
        raise Conflict(message)
    offer = RoleHandover.objects.create(
        incident=locked,
        role=role,
        holder=holder.user,
        successor=user,
        note=note,
        offered_at=current().at,
    )
    current().note(role=role.value, user=user, note=note)
    entry_add(locked, Kind.ROLE, _with(f"{role.label}: offered to {subject(user)}", note))
    return offer


@governed(actions.HANDOVER["take-over"], on="offer")
def role_accept(*, offer: RoleHandover, by: Principal) -> IncidentRole:
    """By whom it was offered to: from now on it is theirs."""
    locked = _pending(offer, by, "successor")
    holder = holder_of(locked.incident, locked.role)
    if holder is None or holder.user_id != locked.holder_id:
        message = f"{locked.holder} does not hold this role any more."
        raise Conflict(message)
    may_hold(locked.successor, locked.incident)
    _settle(locked, State.ACCEPTED)
    role = Role(locked.role)
    assigned = change_holder(locked.incident, role, locked.successor, holder)
    handed = f", handed over by {subject(locked.holder)}"
    entry_add(
        locked.incident, Kind.ROLE, f"{role.label}: {subject(locked.successor)}{handed}, accepted"
    )
    return assigned


@governed(actions.HANDOVER["decline"], on="offer", about=("reason",))
def role_decline(*, offer: RoleHandover, by: Principal, reason: str) -> RoleHandover:
    reason = said(reason, "reason")
    locked = _pending(offer, by, "successor")
    _settle(locked, State.DECLINED, reason)
    label = Role(locked.role).label
    entry_add(
        locked.incident, Kind.ROLE, f"{label}: {subject(locked.successor)} declined: {reason}"
    )
    return locked


@governed(actions.HANDOVER["withdraw"], on="offer")
def role_withdraw(*, offer: RoleHandover, by: Principal) -> RoleHandover:
    locked = _pending(offer, by, "holder")
    _settle(locked, State.WITHDRAWN)
    label = Role(locked.role).label
    text = f"{label}: offer to {subject(locked.successor)} withdrawn"
    entry_add(locked.incident, Kind.ROLE, text)
    return locked


@governed(actions.TAKE_ROLE, on="incident", about=("reason",))
def role_take(
    *, incident: Incident, by: Principal, role: IncidentRole.Role, reason: str
) -> IncidentRole:
    """By a commander, where nobody holds it or its holder does not answer."""
    reason = said(reason, "reason")
    locked = _going_on(incident)
    if by.user is None:
        raise ValidationFailed([FieldError("user", "A role is held by a person.")])
    holder = holder_of(locked, role)
    if holder is not None and holder.user_id == by.user.pk:
        message = f"You are {role.label.lower()} already."
        raise Conflict(message)
    may_hold(by.user, locked)
    assigned = change_holder(locked, role, by.user, holder)
    current().note(reason=reason)
    before = f" from {subject(holder.user)}" if holder else ""
    entry_add(locked, Kind.ROLE, f"{role.label}: taken by {subject(by.user)}{before}: {reason}")
    return assigned


def holder_of(incident: Incident, role: str) -> IncidentRole | None:
    return incident.roles.select_related("user").filter(role=role, ended_at=None).first()


def may_hold(user: User, incident: Incident) -> None:
    """Whoever holds a role has to be able to work the incident. Raises `ValidationFailed`."""
    if not user.is_active or not user.has_perm(actions.RESPOND):
        message = f"{user} may not work incidents."
        raise ValidationFailed([FieldError("user", message)])
    if incident.is_restricted and not user.has_perm(RESTRICTED, incident):
        message = f"{user} has not been let in to {incident.number}."
        raise ValidationFailed([FieldError("user", message)])


def change_holder(
    incident: Incident, role: IncidentRole.Role, user: User, holder: IncidentRole | None
) -> IncidentRole:
    """Within the running call, on the locked incident. An offer that still waits is overtaken."""
    record = current()
    if holder is not None:
        holder.ended_at = record.at
        holder.save(update_fields=["ended_at"])
    for offer in incident.handovers.filter(role=role, state=State.PENDING):
        _settle(offer, State.WITHDRAWN, "Somebody else was given the role.")
    record.note(role=role.value, user=user, before=holder and holder.user)
    return IncidentRole.objects.create(
        incident=incident, role=role, user=user, assigned_at=record.at
    )


def _going_on(incident: Incident) -> Incident:
    locked = incident_lock(incident)
    if not locked.is_open:
        message = f"{locked.number} has ended; reopen it first."
        raise Conflict(message)
    return locked


def _pending(offer: RoleHandover, by: Principal, side: str) -> RoleHandover:
    """The offer as it stands, if it still waits and this is the one who may answer it."""
    incident = _going_on(offer.incident)
    found = RoleHandover.objects.select_related("holder", "successor").get(pk=offer.pk)
    found.incident = incident
    if by.user is None or by.user.pk != getattr(found, f"{side}_id"):
        who = "whom it was offered to" if side == "successor" else "who offered it"
        message = f"Only {who} may do this."
        raise GovernanceDenied(message)
    if found.state != State.PENDING:
        message = f"This offer was {found.get_state_display().lower()} already."
        raise Conflict(message)
    current().note(role=found.role, user=found.successor)
    return found


def _settle(offer: RoleHandover, state: str, reason: str = "") -> None:
    offer.state, offer.settled_at, offer.reason = state, current().at, reason
    offer.save(update_fields=["state", "settled_at", "reason"])
    if reason:
        current().note(reason=reason)


def _with(text: str, note: str) -> str:
    return f"{text}: {note}" if note else text
