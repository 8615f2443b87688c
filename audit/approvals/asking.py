"""What the policies let through only with approvals is put up for them, once.

Pressing again while it waits gives back the same request: the same person, action and arguments,
held by a unique index, so that of two at once one finds the other's.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, models
from django.urls import reverse

from audit.approvals.arguments import CannotBeAsked, digest, encode
from audit.approvals.following import tell
from audit.approvals.visibility import subjects
from audit.gate.types import Action, Decision, Request, Verdict
from audit.governed import Call, on_escalation, refuse, register
from audit.models import ApprovalRequest
from audit.record import Record, recording
from audit.row_versions import row_digest
from portal.lib.errors import ApprovalRequired, Conflict, VigilError

log = structlog.get_logger(__name__)

LASTS = timedelta(hours=4)
ASK = register(Action("audit:approval:ask", event="approval_requested"))
State = ApprovalRequest.State


@on_escalation
def ask(request: Request, decision: Decision, call: Call) -> VigilError:
    """Saves what was asked for, and returns what tells the caller where it stands."""
    if request.principal.user is None:
        return refuse(request, decision)
    try:
        asked = _request_of(request, decision, call)
    except CannotBeAsked as error:
        log.info("approval_not_possible", action=request.action.name, reason=str(error))
        return refuse(request, decision)
    try:
        asked = _keep(request, decision, asked)
    except IntegrityError as error:
        if "approval_asked_once" not in str(error):
            raise
        # Asked for twice at once: the other one is there now. If not, it has been settled since.
        waiting = _same(asked).first()
        if waiting is None:
            return Conflict("This was asked for, and settled, just now. Look again.")
        asked = waiting
    url = reverse("audit:approval-detail", args=[asked.pk])
    return ApprovalRequired(f"{decision.reason} It waits for approval.", url)


def _request_of(request: Request, decision: Decision, call: Call) -> ApprovalRequest:
    arguments = encode(call.arguments, carries=call.mark.carries)
    subject = call.arguments[call.mark.on]
    votes = [vote for vote in decision.votes if vote.verdict is Verdict.ESCALATE]
    return ApprovalRequest(
        action=request.action.name,
        service=call.service,
        target=str(request.resource),
        arguments=arguments,
        arguments_sha256=digest(call.service, arguments),
        requester=request.principal.user,
        reason=decision.reason,
        needed=max(decision.approvals, 1),
        policy_digest=decision.policy_digest,
        rules=sorted({rule for vote in votes for rule in vote.rules}),
        before=_before(subject, call.arguments),
        subject_sha256=_digest_of(subject),
        subjects=subjects(call.arguments),
    )


def _before(subject: object, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """How the fields that arguments are named after stand now, of the row that it is done to."""
    if not isinstance(subject, models.Model) or subject._state.adding:
        return {}
    names = {field.name for field in subject._meta.concrete_fields if not field.is_relation}
    return encode(
        {
            name: getattr(subject, name)
            for name, value in arguments.items()
            if name in names and name != "version" and value is not None
        }
    )


def _digest_of(subject: object) -> str | None:
    """Of a row that counts no versions: what else would tell that it has changed since?"""
    if not isinstance(subject, models.Model) or subject._state.adding:
        return None
    return None if hasattr(subject, "version") else row_digest(subject)


def _same(asked: ApprovalRequest) -> "models.QuerySet[ApprovalRequest]":
    return ApprovalRequest.objects.filter(
        state=State.PENDING,
        requester=asked.requester,
        action=asked.action,
        arguments_sha256=asked.arguments_sha256,
    )


def _keep(request: Request, decision: Decision, asked: ApprovalRequest) -> ApprovalRequest:
    with recording(request, decision, event=ASK.event) as record:
        waiting = _same(asked).select_for_update(of=("self",)).first()
        if waiting is not None and waiting.expires_at > record.at:
            record.note(approval=str(waiting.pk), is_repeated=True)
            return waiting
        if waiting is not None:
            _expire(waiting, record)
        asked.requested_at, asked.expires_at = record.at, record.at + LASTS
        asked.save(force_insert=True)
        record.note(approval=str(asked.pk), arguments_sha256=asked.arguments_sha256)
        tell(asked, "requested")
    return asked


def _expire(waiting: ApprovalRequest, record: Record) -> None:
    waiting.state, waiting.outcome = State.EXPIRED, "Nobody decided."
    waiting.decided_at = record.at
    waiting.save(update_fields=["state", "outcome", "decided_at"])
    record.note(expired=str(waiting.pk))
    tell(waiting, State.EXPIRED)
