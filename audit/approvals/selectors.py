"""Reads requests for approval, each through `visibility.seen_by`. `given` is how many have approved."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from audit.approvals.visibility import seen_by, to_decide
from audit.models import ApprovalRequest, User
from portal.lib.errors import FieldError, NotFound, ValidationFailed

MOST_WAITING = 100
PAGE = 50
State = ApprovalRequest.State


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """Newest first; `older` is the key after which the next page begins."""

    requests: list[ApprovalRequest]
    older: UUID | None


def state_of(asked: ApprovalRequest) -> State:
    """That it has expired holds from that instant on, whenever it is written down."""
    if asked.state == State.PENDING and asked.expires_at <= timezone.now():
        return State.EXPIRED
    return State(asked.state)


def approvals_waiting(user: User) -> list[ApprovalRequest]:
    """All that this person may see and nothing has settled. Those that run out first come first."""
    return list(_counted(_unsettled(seen_by(user))).order_by("expires_at")[:MOST_WAITING])


def approvals_to_decide(user: User) -> list[ApprovalRequest]:
    """Those among them that wait for this person's own answer."""
    return list(_counted(_unsettled(to_decide(user))).order_by("expires_at")[:MOST_WAITING])


def count_to_decide(user: User) -> int:
    """At most `MOST_WAITING`. One query, whatever there is, and whoever may see it."""
    return len(_unsettled(to_decide(user)).values_list("pk")[:MOST_WAITING])


def approvals_mine(user: User, *, before: UUID | None = None) -> ApprovalPage:
    """What this person has asked for, whatever came of it."""
    return _page(ApprovalRequest.objects.filter(requester=user), before)


def approvals_settled(user: User, *, before: UUID | None = None) -> ApprovalPage:
    now = timezone.now()
    settled = seen_by(user).filter(~Q(state=State.PENDING) | Q(expires_at__lte=now))
    return _page(settled, before)


def approval_get(user: User, pk: UUID) -> ApprovalRequest:
    """Raises `NotFound`, also for those whom it does not concern."""
    seen = _counted(seen_by(user)).prefetch_related("approvals__approver")
    found = seen.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def _page(found: QuerySet[ApprovalRequest], before: UUID | None) -> ApprovalPage:
    if before is not None:
        at = found.filter(pk=before).values_list("requested_at", flat=True).first()
        if at is None:
            raise ValidationFailed([FieldError("before", "is no request in this list")])
        found = found.filter(requested_at__lte=at).filter(Q(requested_at__lt=at) | Q(pk__lt=before))
    rows = list(_counted(found).order_by("-requested_at", "-id")[: PAGE + 1])
    return ApprovalPage(rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None)


def _unsettled(found: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    return found.filter(state=State.PENDING, expires_at__gt=timezone.now())


def _counted(found: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    given = Count("approvals", filter=Q(approvals__is_approved=True))
    return found.select_related("requester").annotate(given=given)


def with_state(requests: Iterable[ApprovalRequest]) -> list[tuple[ApprovalRequest, State]]:
    return [(asked, state_of(asked)) for asked in requests]
