"""The named cast of the tests, made the way an installation makes them."""

from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from audit.accounts import role_define, token_issue, user_create
from audit.gate.types import Action, Request, Resource
from audit.governed import perform
from audit.models import ApiToken, User
from audit.principal import Principal, person, system
from audit.rows import row_save
from audit.second_factor.session import CONFIRMED
from incidents.models import SeverityRule, Source
from incidents.services.routing import DEFAULT_RULES
from portal.roles import ROLES

TESTS = system("tests")
ENROL = Action("tests:user:enrol", event="tests_user_enrolled", is_for_system=True)


@dataclass(frozen=True, slots=True)
class Cast:
    """One person of each role; `approver` is a second commander, `outsider` has no role at all."""

    responder: User
    commander: User
    approver: User
    auditor: User
    administrator: User
    outsider: User
    source: Source
    token: ApiToken
    secret: str

    def principal(self, name: str) -> Principal:
        return person(getattr(self, name))


def make_cast() -> Cast:
    for name, permissions in ROLES.items():
        role_define(group=Group(name=name), permissions=permissions, by=TESTS)
    people = {
        name: _person(name, *roles)
        for name, roles in {
            "responder": ["Responder"],
            "commander": ["Commander"],
            "approver": ["Commander"],
            "auditor": ["Auditor"],
            "administrator": ["Administrator"],
            "outsider": [],
        }.items()
    }
    for position, fields in enumerate(DEFAULT_RULES, start=1):
        row_save(instance=SeverityRule(position=position * 10, **fields), by=TESTS)
    source = Source(slug="probe", name="Probe")
    row_save(instance=source, by=TESTS)
    token = ApiToken(name="probe", scopes=["alerts:write"], source="probe")
    secret = token_issue(token=token, by=TESTS)
    return Cast(**people, source=source, token=token, secret=secret)


def _person(username: str, *roles: str) -> User:
    # Fetched anew: permissions are cached on the instance.
    user_create(user=User(username=username), password="correct horse", roles=roles, by=TESTS)
    return User.objects.get(username=username)


def with_second_factor(client: Client, user: User) -> Client:
    """The client's session, as if the person had signed in with a second factor."""
    if user.second_factor_since is None:
        user.second_factor_since = timezone.now()
        perform(Request(TESTS, ENROL, Resource("tests.user", str(user.pk))), user.save)
    session = client.session
    session[CONFIRMED] = {
        "since": user.second_factor_since.isoformat(),
        "at": timezone.now().isoformat(),
    }
    session.save()
    return client
