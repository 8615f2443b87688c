"""Runs what was approved: at once, as the person who asked, through the same gate.

Everything is asked again then. The policies that hold now count the approvals of those who may still
decide; the requester has to hold the role still; what it is done to has to be as it was. Whatever
stands in the way is kept as the outcome, for both sides to read. Only where it could not be decided
or recorded at all does the request wait on, to be tried again until it expires.
"""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, models
from django.db.models import ProtectedError

from audit.approvals.arguments import decode, digest, resolve
from audit.approvals.settling import Expired, Settled, State, approval_lock, end, settle
from audit.approvals.visibility import may_decide
from audit.gate.types import Request
from audit.governed import ACTIONS, perform
from audit.governed import resource_of as resource
from audit.models import ApprovalRequest, User
from audit.principal import person, system
from audit.record import current
from audit.row_versions import row_digest
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    DbUnavailable,
    GovernanceFailure,
    VigilError,
)


def may_run(asked: ApprovalRequest, user: User) -> bool:
    """Whether this person has approved what has all approvals that it needs, and waits still."""
    if asked.state != State.PENDING or not may_decide(user, asked):
        return False
    given = set(asked.approvals.filter(is_approved=True).values_list("approver_id", flat=True))
    return user.pk in given and len(given) >= asked.needed


def execute(asked: ApprovalRequest) -> None:
    try:
        _run(asked)
    except Settled:
        # Two approved at once: the other one's execution is the one.
        return
    except (AuditUnavailable, DbUnavailable, GovernanceFailure):
        raise
    except Expired as error:
        settle(asked=asked, by=system("gate"), state=State.EXPIRED, outcome=str(error))
    except (VigilError, ObjectDoesNotExist) as error:
        settle(asked=asked, by=system("gate"), state=State.FAILED, outcome=str(error))
    except (IntegrityError, ProtectedError):
        outcome = "What is stored by now does not let it happen."
        settle(asked=asked, by=system("gate"), state=State.FAILED, outcome=outcome)


def _run(asked: ApprovalRequest) -> None:
    if digest(asked.service, asked.arguments) != asked.arguments_sha256:
        raise Conflict("The arguments are not those that were approved.")
    given = asked.approvals.select_related("approver").filter(is_approved=True)
    eligible = [answer.approver for answer in given if may_decide(answer.approver, asked)]
    by, arguments = person(asked.requester), decode(asked.arguments)
    service, marks = resolve(asked.service).__wrapped__, resolve(asked.service).governed
    action, subject = ACTIONS[asked.action], arguments[marks.on]
    request = Request(by, action, resource(subject, by), marks.context(arguments))

    def change() -> None:
        locked = approval_lock(asked)
        _hold(locked, subject)
        service(**arguments, by=by)
        # Within the same transaction and event as the effect: never one without the other.
        end(locked, State.EXECUTED, "")
        current().note(approved_by=[user.username for user in eligible])

    perform(request, change, approvals=len(eligible))


def _hold(asked: ApprovalRequest, subject: Any) -> None:
    """Raises `Conflict` where a row that counts no versions has changed since it was asked for."""
    if asked.subject_sha256 is None or not isinstance(subject, models.Model):
        return
    # Locked first and read after: one statement for both could read what was there before the lock.
    type(subject)._base_manager.filter(pk=subject.pk).select_for_update().values_list("pk").first()
    if row_digest(subject) != asked.subject_sha256:
        raise Conflict("What it is done to has changed since this was asked for.")
