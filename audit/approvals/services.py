"""Asks, approves, denies, withdraws, and runs what was approved.

The last approval needed runs the call at once, as the person who asked, through the same gate: the
policies count the approvals, and whoever approved must still be eligible then.
"""

from datetime import timedelta

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse
from django.utils import timezone

from audit.approvals.arguments import CannotBeAsked, decode, digest, encode, resolve
from audit.gate.types import Action, Decision, Request
from audit.governed import ACTIONS, Call, governed, on_escalation, perform, refuse, register
from audit.governed import resource_of as resource
from audit.models import Approval, ApprovalRequest
from audit.principal import Principal, person, system
from audit.record import current, recording
from portal.lib.errors import (
    ApprovalRequired,
    Conflict,
    FieldError,
    ValidationFailed,
    VigilError,
)

log = structlog.get_logger(__name__)

LASTS = timedelta(hours=4)
DECIDE = "audit.decide_approvalrequest"
ASK = register(Action("audit:approval:ask", event="approval_requested"))
APPROVE = Action("audit:approval:approve", event="approval_given", permission=DECIDE)
DENY = Action("audit:approval:deny", event="approval_denied", permission=DECIDE)
WITHDRAW = Action("audit:approval:withdraw", event="approval_withdrawn", is_for_everyone=True)
SETTLE = Action("audit:approval:settle", event="approval_settled", is_for_system=True)
State = ApprovalRequest.State


@on_escalation
def ask(request: Request, decision: Decision, call: Call) -> VigilError:
    """Saves what was asked for, and returns what tells the caller where it stands."""
    if request.principal.user is None:
        return refuse(request, decision)
    try:
        arguments = encode(call.arguments)
    except CannotBeAsked as error:
        log.info("approval_not_possible", action=request.action.name, reason=str(error))
        return refuse(request, decision)
    with recording(request, decision, event=ASK.event) as record:
        asked = ApprovalRequest.objects.create(
            action=request.action.name,
            service=call.service,
            target=str(request.resource),
            arguments=arguments,
            arguments_sha256=digest(call.service, arguments),
            requester=request.principal.user,
            reason=decision.reason,
            needed=max(decision.approvals, 1),
            policy_digest=decision.policy_digest,
            requested_at=record.at,
            expires_at=record.at + LASTS,
        )
        record.note(approval=str(asked.pk), arguments_sha256=asked.arguments_sha256)
    url = reverse("audit:approval-detail", args=[asked.pk])
    return ApprovalRequired(f"{decision.reason} It waits for approval.", url)


def approval_give(*, asked: ApprovalRequest, by: Principal, reason: str = "") -> ApprovalRequest:
    """Records the approval; the last one needed runs what was asked for."""
    _approve(asked=asked, by=by, reason=reason)
    asked.refresh_from_db()
    if asked.approvals.filter(is_approved=True).count() >= asked.needed:
        _execute(asked)
        asked.refresh_from_db()
    return asked


@governed(APPROVE, on="asked")
def _approve(*, asked: ApprovalRequest, by: Principal, reason: str) -> None:
    _keep_answer(asked, by, is_approved=True, reason=reason)


@governed(DENY, on="asked")
def approval_deny(*, asked: ApprovalRequest, by: Principal, reason: str) -> None:
    """One denial ends it."""
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "Say why not.")])
    locked = _keep_answer(asked, by, is_approved=False, reason=reason)
    _end(locked, State.DENIED, reason.strip())


def _keep_answer(
    asked: ApprovalRequest, by: Principal, *, is_approved: bool, reason: str
) -> ApprovalRequest:
    locked = _lock_pending(asked)
    if by.user is None or by.user == locked.requester:
        raise Conflict("Somebody else than the requester decides.")
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
    locked = _lock_pending(asked)
    if by.user != locked.requester:
        raise Conflict("Only who asked can withdraw it.")
    _end(locked, State.WITHDRAWN, "")


def _lock_pending(asked: ApprovalRequest) -> ApprovalRequest:
    locked = ApprovalRequest.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if locked.state != State.PENDING:
        message = f"This was settled before: {locked.get_state_display().lower()}."
        raise Conflict(message)
    if locked.expires_at <= current().at:
        raise Conflict("This has expired; ask again.")
    return locked


def _end(locked: ApprovalRequest, state: ApprovalRequest.State, outcome: str) -> None:
    locked.state, locked.outcome = state, outcome
    locked.decided_at = current().at
    locked.save(update_fields=["state", "outcome", "decided_at"])
    current().note(approval=str(locked.pk), state=state.value)


def _execute(asked: ApprovalRequest) -> None:
    """Runs the approved call; what stops it is kept as the outcome, for both sides to read."""
    try:
        _run(asked)
    except (VigilError, ObjectDoesNotExist) as error:
        _settle(asked=asked, by=system("gate"), state=State.FAILED, outcome=str(error))


def _run(asked: ApprovalRequest) -> None:
    if digest(asked.service, asked.arguments) != asked.arguments_sha256:
        raise Conflict("The arguments are not those that were approved.")
    eligible = [
        approval.approver
        for approval in asked.approvals.select_related("approver").filter(is_approved=True)
        if approval.approver.is_active and approval.approver.has_perm(DECIDE)
    ]
    by, arguments = person(asked.requester), decode(asked.arguments)
    service = resolve(asked.service).__wrapped__
    marks = resolve(asked.service).governed
    action = ACTIONS[asked.action]
    request = Request(by, action, resource(arguments[marks.on], by), marks.context(arguments))

    def change() -> None:
        locked = _lock_pending(asked)
        service(**arguments, by=by)
        # Within the same transaction and event as the effect: never one without the other.
        _end(locked, State.EXECUTED, "")
        current().note(approved_by=eligible)

    perform(request, change, approvals=len(eligible))


@governed(SETTLE, on="asked")
def _settle(
    *, asked: ApprovalRequest, by: Principal, state: ApprovalRequest.State, outcome: str
) -> None:
    locked = ApprovalRequest.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if locked.state == State.PENDING:
        _end(locked, state, outcome)


def approvals_expire() -> int:
    """Marks what nobody decided in time. That it has expired holds without this, by its instant."""
    late = ApprovalRequest.objects.filter(state=State.PENDING, expires_at__lte=timezone.now())
    expired = list(late[:100])
    for asked in expired:
        _settle(asked=asked, by=system("worker"), state=State.EXPIRED, outcome="Nobody decided.")
    return len(expired)
