"""What an installation starts with: roles, severity mapping, one person of each role, one token."""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass

from django.contrib.auth.models import Group

from audit.accounts import role_define
from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.models import ApiToken, User
from audit.models.token import new_secret, secret_digest
from audit.principal import Principal, system
from audit.record import current
from audit.rows import row_save
from incidents.models import NotificationRule, SeverityRule, Source
from incidents.notification_rules import STANDARD
from incidents.services.routing import DEFAULT_RULES
from portal.roles import ROLES

PEOPLE = (
    ("admin", "Administrator"),
    ("commander", "Commander"),
    ("responder", "Responder"),
    ("auditor", "Auditor"),
    ("security", "Security"),
    ("operator", "Operator"),
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """`users` are (username, password, role); `token` is the detector's."""

    users: list[tuple[str, str, str]]
    token: str


Keep = Callable[[Credentials], None]
BEGIN = Action("audit:installation:begin", event="installation_begun", is_for_system=True)


def define_defaults() -> None:
    """Roles, severity mapping and who is told, where there are none yet. Safe to call again."""
    by = system("first-run")
    for name, permissions in ROLES.items():
        if not Group.objects.filter(name=name).exists():
            role_define(group=Group(name=name), permissions=permissions, by=by)
    if not SeverityRule.objects.exists():
        for position, fields in enumerate(DEFAULT_RULES, start=1):
            row_save(instance=SeverityRule(position=position * 10, **fields), by=by)
    if not NotificationRule.objects.exists():
        for severity, rule in STANDARD.items():
            row_save(
                instance=NotificationRule(
                    severity=severity, **asdict(rule) | {"kinds": list(rule.kinds)}
                ),
                by=by,
            )


@governed(BEGIN, on="installation")
def _begin(*, installation: Resource, by: Principal, keep: Keep) -> Credentials:
    """All of it in one transaction, and the credentials kept before it commits: a start that dies
    half-way has made nobody, and one that made somebody has kept their password."""
    users = [(username, secrets.token_urlsafe(12), role) for username, role in PEOPLE]
    people = []
    for username, password, role in users:
        user = User(username=username)
        user.set_password(password)
        user.save()
        user.groups.set(Group.objects.filter(name=role))
        people.append({"user": user, "role": role})
    source = Source.objects.create(slug="alertmanager", name="Alertmanager")
    secret = new_secret()
    ApiToken.objects.create(
        name=source.slug, scopes=["alerts:write"], source=source.slug, digest=secret_digest(secret)
    )
    current().note(users=people, token=source.slug)
    credentials = Credentials(users, secret)
    keep(credentials)
    return credentials


def first_run(keep: Keep) -> Credentials | None:
    """Makes the first people and the first token; None where there are people already.

    `keep` is handed the credentials while all can still be undone, and raises to undo it.
    """
    define_defaults()
    if User.objects.exists():
        return None
    installation = Resource("portal.installation", "new")
    return _begin(installation=installation, by=system("first-run"), keep=keep)
