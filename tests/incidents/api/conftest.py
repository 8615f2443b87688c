import pytest
from django.contrib.auth.models import Group

from audit.accounts import role_define, user_create
from audit.models import User
from portal.roles import ROLES
from tests.incidents.api.calling import Caller, signed_in
from tests.people import TESTS


@pytest.fixture
def lone_commander(db: None) -> Caller:
    """For tests that need one person and nothing else: a whole cast takes longer to make."""
    role_define(group=Group(name="Commander"), permissions=ROLES["Commander"], by=TESTS)
    user_create(user=User(username="ada"), password="x", roles=["Commander"], by=TESTS)
    return signed_in(User.objects.get())
