"""The end of a request for approval: one row, locked, that leaves its pending state once."""

from audit.approvals.following import tell
from audit.gate.types import Action
from audit.governed import governed
from audit.models import ApprovalRequest
from audit.principal import Principal
from audit.record import current
from portal.lib.errors import Conflict

SETTLE = Action("audit:approval:settle", event="approval_settled", is_for_system=True)
State = ApprovalRequest.State


class Settled(Conflict):
    """Somebody else was first."""


class Expired(Conflict):
    default_message = "This has expired; ask again."


def approval_lock(asked: ApprovalRequest) -> ApprovalRequest:
    """The request as it waits. Raises `Settled` and `Expired`."""
    locked = ApprovalRequest.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if locked.state != State.PENDING:
        message = f"This was settled before: {locked.get_state_display().lower()}."
        raise Settled(message)
    if locked.expires_at <= current().at:
        raise Expired
    return locked


def end(locked: ApprovalRequest, state: ApprovalRequest.State, outcome: str) -> None:
    locked.state, locked.outcome = state, outcome
    locked.decided_at = current().at
    locked.save(update_fields=["state", "outcome", "decided_at"])
    current().note(approval=str(locked.pk), state=state.value)
    tell(locked, state)


@governed(SETTLE, on="asked")
def settle(
    *, asked: ApprovalRequest, by: Principal, state: ApprovalRequest.State, outcome: str
) -> None:
    locked = ApprovalRequest.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if locked.state == State.PENDING:
        end(locked, state, outcome)
