from collections.abc import Callable

import pytest
from django.test import Client

from audit.models import User
from tests.people import Cast, with_second_factor

SignIn = Callable[[str], Client]


@pytest.fixture
def sign_in(cast: Cast) -> SignIn:
    """A browser in which the person of that name has signed in."""
    return lambda name: signed_in(getattr(cast, name))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "audit.role_backend.RoleBackend")
    return with_second_factor(client, user)
