"""Who was let in to a restricted incident."""

from dataclasses import dataclass

from django.contrib.auth.models import Group
from guardian.models import GroupObjectPermission, UserObjectPermission

from audit.models import User
from incidents.models import Incident
from incidents.selectors.visibility import LETS_IN, VIEW

_MODEL_BACKEND = "audit.role_backend.RoleBackend"


@dataclass(frozen=True, slots=True)
class LetIn:
    """People in their own right, and roles as a whole."""

    people: list[User]
    groups: list[Group]


def let_in(incident: Incident) -> LetIn:
    if not incident.is_restricted:
        return LetIn([], [])
    here = {**LETS_IN, "object_pk": str(incident.pk)}
    people = UserObjectPermission.objects.filter(**here).values("user")
    groups = GroupObjectPermission.objects.filter(**here).values("group")
    return LetIn(
        list(User.objects.filter(pk__in=people).order_by("username")),
        list(Group.objects.filter(pk__in=groups).order_by("name")),
    )


def could_be_let_in(incident: Incident, *, limit: int) -> list[User]:
    people = User.objects.with_perm(VIEW, backend=_MODEL_BACKEND).order_by("username")
    now = let_in(incident)
    outside = people.exclude(pk__in=[user.pk for user in now.people])
    return list(outside.exclude(groups__in=now.groups)[:limit])
