"""Somebody can always change accounts: what would take that from the last one does not happen."""

from audit.models import User
from portal.lib.errors import Conflict

ADMINISTERS = "audit.change_user"


def keep_an_administrator() -> None:
    """Called within the governed call, once its rows have changed. Raises `Conflict`."""
    remaining = User.objects.with_perm(ADMINISTERS, backend="audit.role_backend.RoleBackend")
    if not remaining.exists():
        message = "Nobody would be left who may change accounts. Give that to somebody else first."
        raise Conflict(message)
