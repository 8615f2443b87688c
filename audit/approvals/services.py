"""Approves, declines, withdraws, and lets run what was approved."""

from django.utils import timezone

from audit.approvals.execution import execute, may_run
from audit.approvals.following import tell
from audit.approvals.settling import SETTLE, State, approval_lock, end, settle
from audit.approvals.visibility import DECIDE, may_decide
from audit.gate.types import Action
from audit.governed import governed
from audit.models import Approval, ApprovalRequest
from audit.principal import Principal, system
from audit.record import current
from portal.lib.errors import Conflict, FieldError, NotFound, ValidationFailed

APPROVE = Action("audit:approval:approve", event="approval_given", permission=DECIDE)
DENY = Action("audit:approval:deny", event="approval_denied", permission=DECIDE)
WITHDRAW = Action("audit:approval:withdraw", event="approval_withdrawn", is_for_everyone=True)

__all__ = [
    "SETTLE",
    "approval_deny",
    "approval_give",
    "approval_withdraw",
    "approvals_expire",
]


def approval_give(*, asked: ApprovalRequest, by: Principal, reason: str = "") -> ApprovalRequest:
    """Records the approval; the last one needed runs what was asked for. Where that could not even
    be tried, since the gate was latched or the record out of reach, who has approved calls this
    again, and it is tried again."""
    asked.refresh_from_db()
    if not (by.user and may_run(asked, by.user)):
        _approve(asked=asked, by=by, reason=reason)
        asked.refresh_from_db()
    if asked.approvals.filter(is_approved=True).count() >= asked.needed:
        execute(asked)
        asked.refresh_from_db()
    return asked


@governed(APPROVE, on="asked")
def _approve(*, asked: ApprovalRequest, by: Principal, reason: str) -> None:
    tell(_keep_answer(asked, by, is_approved=True, reason=reason), "approved")


@governed(DENY, on="asked")
def approval_deny(*, asked: ApprovalRequest, by: Principal, reason: str) -> None:
    """One denial ends it."""
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "Say why not.")])
    locked = _keep_answer(asked, by, is_approved=False, reason=reason)
    end(locked, State.DENIED, reason.strip())


def _keep_answer(
    asked: ApprovalRequest, by: Principal, *, is_approved: bool, reason: str
) -> ApprovalRequest:
    locked = approval_lock(asked)
    if by.user is None or by.user == locked.requester:
        raise Conflict("Somebody else than the requester decides.")
    if not may_decide(by.user, locked):
        # About something restricted that this person was not let in to.
        raise NotFound
    if locked.approvals.filter(approver=by.user).exists():
        raise Conflict("You have answered this already.")
    Approval.objects.create(
        request=locked,
        approver=by.user,
        is_approved=is_approved,
        reason=reason.strip(),
        decided_at=current().at,
    )
    current().note(approval=str(locked.pk), arguments_sha256=locked.arguments_sha256, reason=reason)
    return locked


@governed(WITHDRAW, on="asked")
def approval_withdraw(*, asked: ApprovalRequest, by: Principal) -> None:
    locked = approval_lock(asked)
    if by.user != locked.requester:
        raise Conflict("Only who asked can withdraw it.")
    end(locked, State.WITHDRAWN, "")


def approvals_expire() -> int:
    """Marks what nobody decided in time. That it has expired holds without this, by its instant."""
    late = ApprovalRequest.objects.filter(state=State.PENDING, expires_at__lte=timezone.now())
    expired = list(late[:100])
    for asked in expired:
        settle(asked=asked, by=system("worker"), state=State.EXPIRED, outcome="Nobody decided.")
    return len(expired)
