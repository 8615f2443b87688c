"""Closing a breaker by force: a governed action, with a reason, on record."""

from django.db import transaction

from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from portal.lib.errors import Conflict, FieldError, NotFound, ValidationFailed
from portal.lib.resilience.breaker import CLOSED, Circuit, circuit
from portal.lib.resilience.policies import POLICIES

KIND = "portal.breaker"
CLOSE = Action("portal:breaker:close", event="breaker_closed", permission="portal.close_breaker")


def closable(name: str) -> Circuit:
    """Raises `NotFound` for what is no dependency, `Conflict` for what no person can close."""
    if name not in POLICIES:
        raise NotFound
    found = circuit(name)
    if found is None:
        raise Conflict("This dependency has no breaker.")
    if not found.breaker.is_shared:
        raise Conflict("Each process has its own breaker for this, and closes it by itself.")
    return found


@governed(CLOSE, on="breaker")
def breaker_close(*, breaker: Resource, by: Principal, reason: str) -> None:
    """Closes it in every process, once that is on record. What it guards is tried again at once,
    and opens it again if it fails. Raises `Conflict` where it is closed."""
    found = closable(breaker.id)
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "Say why it should be tried again now.")])
    state = found.state
    if state == CLOSED:
        raise Conflict("The breaker is closed.")
    current().note(dependency=breaker.id, state=state, reason=reason.strip())
    transaction.on_commit(lambda: found.close(f"{by.actor}: {reason.strip()}"))


def resource(name: str) -> Resource:
    return Resource(KIND, name)
