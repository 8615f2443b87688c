"""Restricted incidents: who is in, and how that changes. Nobody else finds a trace of them.

Nobody is locked out by a restriction: who asked for it, who opened the incident, who holds a role in
it, and the groups that oversee restricted incidents or administer accounts are let in with it.
"""

from django.contrib.auth.models import Group
from django.db.models import Q
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from audit.administrators import ADMINISTERS
from audit.governed import governed
from audit.models import User
from audit.principal import Principal, subject
from audit.record import current
from audit.subjects import People
from incidents import actions
from incidents.models import Incident
from incidents.models.incident import OVERSEE, RESTRICTED
from incidents.selectors.visibility import LETS_IN, VIEW
from incidents.services import publishing
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, ValidationFailed


@governed(actions.RESTRICT, on="incident", about=("reason",))
def incident_restrict(*, incident: Incident, by: Principal, reason: str) -> Incident:
    reason = said(reason, "reason")
    locked = incident_lock(incident)
    if locked.is_restricted:
        message = f"{locked.number} is restricted already."
        raise Conflict(message)
    locked.is_restricted = True
    locked.save()
    people = let_in_with_it(locked)
    current().note(reason=reason, let_in=people)
    entry_add(locked, Kind.ROLE, f"Restricted: {reason}")
    return locked


@governed(actions.UNRESTRICT, on="incident", about=("reason",))
def incident_unrestrict(*, incident: Incident, by: Principal, reason: str) -> Incident:
    """Shows it to everybody who may see incidents. Who was let in is forgotten.

    The status page tells where it stands; of what was written before, nothing that was not public.
    """
    reason = said(reason, "reason")
    locked = _locked(incident)
    locked.is_restricted = False
    locked.save()
    for grants in (UserObjectPermission, GroupObjectPermission):
        grants.objects.filter(**_on(locked)).delete()
    current().note(reason=reason)
    entry_add(locked, Kind.ROLE, f"Restriction lifted: {reason}")
    publishing.catch_up(locked)
    return locked


@governed(actions.LET_IN, on="incident")
def incident_let_in(*, incident: Incident, by: Principal, user: User) -> Incident:
    locked = _locked(incident)
    if not user.is_active or not user.has_perm(VIEW):
        message = f"{user} has no role that shows incidents."
        raise ValidationFailed([FieldError("user", message)])
    if user.has_perm(RESTRICTED, locked):
        message = f"{user} is in already."
        raise Conflict(message)
    assign_perm(RESTRICTED, user, locked)
    current().note(user=user)
    entry_add(locked, Kind.ROLE, f"Let in: {subject(user)}")
    return locked


@governed(actions.REMOVE_PERSON, on="incident")
def incident_remove_person(*, incident: Incident, by: Principal, user: User) -> Incident:
    locked = _locked(incident)
    if not UserObjectPermission.objects.filter(user=user, **_on(locked)).exists():
        message = f"{user} was not let in as a person."
        raise Conflict(message)
    if locked.roles.filter(user=user, ended_at=None).exists():
        message = f"{user} holds a role in {locked.number}; somebody else takes it over first."
        raise Conflict(message)
    remove_perm(RESTRICTED, user, locked)
    _keep_somebody(locked)
    current().note(user=user)
    entry_add(locked, Kind.ROLE, f"No longer in: {subject(user)}")
    return locked


def let_in_with_it(incident: Incident) -> list[User | str]:
    """Lets in whom a restriction never locks out, within the running governed call: people, and the
    names of groups."""
    by, first = current().request.principal, incident.timeline.order_by("id").first()
    author = first.author if first else ""
    known_as = {by.person, People([author]).text(author)}
    names = {name.removeprefix("user:") for name in known_as if name.startswith("user:")}
    people = User.objects.filter(
        Q(username__in=names) | Q(incident_roles__incident=incident, incident_roles__ended_at=None)
    ).distinct()
    groups = Group.objects.filter(_holds(OVERSEE) | _holds(ADMINISTERS)).distinct()
    for somebody in (*people, *groups):
        assign_perm(RESTRICTED, somebody, incident)
    return [*people.order_by("username"), *sorted(group.name for group in groups)]


def _holds(permission: str) -> Q:
    app, _, codename = permission.partition(".")
    return Q(permissions__content_type__app_label=app, permissions__codename=codename)


def _locked(incident: Incident) -> Incident:
    locked = incident_lock(incident)
    if not locked.is_restricted:
        message = f"{locked.number} is not restricted."
        raise Conflict(message)
    return locked


def _keep_somebody(incident: Incident) -> None:
    groups = GroupObjectPermission.objects.filter(**_on(incident)).values("group")
    people = UserObjectPermission.objects.filter(**_on(incident)).values("user")
    left = User.objects.filter(Q(pk__in=people) | Q(groups__in=groups), is_active=True)
    if not any(user.has_perm(actions.RESTRICTING) for user in left.distinct()):
        raise Conflict("Nobody would be left who may let others in. Let such a person in first.")


def _on(incident: Incident) -> dict[str, str]:
    return {**LETS_IN, "object_pk": str(incident.pk)}
