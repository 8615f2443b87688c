"""Permissions are Django's, in one query."""

from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import User
from audit.role_backend import RoleBackend
from audit.rows import row_save
from tests.people import TESTS, Cast

PEOPLE = ["responder", "commander", "auditor", "administrator", "outsider"]


def anew(username: str) -> Any:
    return User.objects.get(username=username)


@pytest.mark.parametrize("name", PEOPLE)
def test_each_role_holds_what_django_says(cast: Cast, name: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        held = RoleBackend().get_all_permissions(anew(name))
    assert held == ModelBackend().get_all_permissions(anew(name))
    assert len(queries) == 2, "one for the person, one for the permissions"


def test_a_permission_of_ones_own_counts_beside_those_of_the_roles(cast: Cast) -> None:
    user = anew("responder")
    own = Permission.objects.exclude(group__user=user).first()
    row_save(instance=user, by=TESTS, related=lambda: user.user_permissions.set([own]))
    held = RoleBackend().get_all_permissions(anew("responder"))
    assert held == ModelBackend().get_all_permissions(anew("responder"))
    assert f"{own.content_type.app_label}.{own.codename}" in held


def test_a_superuser_holds_every_permission(cast: Cast) -> None:
    user = anew("outsider")
    user.is_superuser = True
    assert len(RoleBackend().get_all_permissions(user)) == Permission.objects.count()


def test_nobody_else_holds_any(cast: Cast) -> None:
    inactive = anew("commander")
    inactive.is_active = False
    assert RoleBackend().get_all_permissions(inactive) == set()
    assert RoleBackend().get_all_permissions(AnonymousUser()) == set()
    assert RoleBackend().get_all_permissions(anew("commander"), Group()) == set()
