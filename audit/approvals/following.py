"""Tells others where a request for approval stands, within the transaction of each of its steps."""

from collections.abc import Callable
from typing import TypeAlias

from audit.models import ApprovalRequest

# Gets the request, and what became of it: `requested`, `approved`, or the state that ended it.
Follower: TypeAlias = Callable[[ApprovalRequest, str], None]
_followers: list[Follower] = []


def follows_approvals(follower: Follower) -> Follower:
    """Registers who is told. What it raises undoes the step, so it should not."""
    _followers.append(follower)
    return follower


def tell(asked: ApprovalRequest, step: str) -> None:
    for follower in _followers:
        follower(asked, step)
