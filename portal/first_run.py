"""What an installation starts with: roles, severity mapping, one person of each role, one token."""

import secrets
from dataclasses import dataclass

from django.contrib.auth.models import Group

from audit.accounts import role_define, token_issue, user_create
from audit.models import ApiToken, User
from audit.principal import system
from audit.rows import row_save
from incidents.models import SeverityRule, Source
from incidents.services.routing import DEFAULT_RULES
from portal.roles import ROLES

PEOPLE = (
    ("admin", "Administrator"),
    ("commander", "Commander"),
    ("responder", "Responder"),
    ("auditor", "Auditor"),
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """`users` are (username, password, role); `token` is the detector's."""

    users: list[tuple[str, str, str]]
    token: str


def define_defaults() -> None:
    """Roles and severity mapping, where there are none yet. Safe to call again."""
    by = system("first-run")
    for name, permissions in ROLES.items():
        if not Group.objects.filter(name=name).exists():
            role_define(group=Group(name=name), permissions=permissions, by=by)
    if not SeverityRule.objects.exists():
        for position, fields in enumerate(DEFAULT_RULES, start=1):
            row_save(instance=SeverityRule(position=position * 10, **fields), by=by)


def first_run() -> Credentials | None:
    """The credentials of a new installation; None where there are people already."""
    define_defaults()
    if User.objects.exists():
        return None
    by = system("first-run")
    users = []
    for username, role in PEOPLE:
        password = secrets.token_urlsafe(12)
        user_create(user=User(username=username), password=password, roles=[role], by=by)
        users.append((username, password, role))
    row_save(instance=Source(slug="alertmanager", name="Alertmanager"), by=by)
    token = token_issue(
        token=ApiToken(name="alertmanager", scopes=["alerts:write"], source="alertmanager"), by=by
    )
    return Credentials(users, token)
