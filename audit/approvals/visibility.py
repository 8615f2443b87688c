"""Who may know of a request for approval: the one place that pages, API, counts and services ask.

A request is seen by who asked, and by everybody who may decide it. Where it is about rows that are
restricted, it is seen only by those of them who were let in to all of these: letting a second person
in comes before asking for their approval. A request of which that is not known is the requester's
alone.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db import models
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet

from audit.models import ApprovalRequest, User

DECIDE = "audit.decide_approvalrequest"


class _IsAnyOf(Func):
    """`a = ANY(b)`, which the index on `a` serves."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = BooleanField()


Hidden = Callable[[User], QuerySet[Any]]
_restrictable: list[tuple[type[models.Model], Hidden]] = []


def restricts(model: type[models.Model], hidden: Hidden) -> None:
    """The one kind of row that can be restricted; `hidden` returns those hidden from a person."""
    _restrictable[:] = [(model, hidden)]


def subjects(arguments: Mapping[str, Any]) -> list[int]:
    """The keys of the rows that can be restricted among a call's arguments, or that these belong
    to."""
    return sorted({pk for value in arguments.values() for pk in _subjects(value)})


def _subjects(value: Any) -> Iterator[int]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _subjects(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _subjects(item)
    elif isinstance(value, models.Model):
        for kind, _hidden in _restrictable:
            if isinstance(value, kind):
                yield from [value.pk] if value.pk else []
            for field in value._meta.concrete_fields:
                if field.related_model is kind and getattr(value, field.attname):
                    yield getattr(value, field.attname)


def seen_by(user: User) -> QuerySet[ApprovalRequest]:
    requests = ApprovalRequest.objects.all()
    if not user.is_active:
        return requests.none()
    if not user.has_perm(DECIDE):
        return requests.filter(requester=user)
    return requests.filter(Q(requester=user) | _is_open_to(user))


def to_decide(user: User) -> QuerySet[ApprovalRequest]:
    """Those that are not settled, and that wait for this person's own answer."""
    requests = ApprovalRequest.objects.filter(state=ApprovalRequest.State.PENDING)
    if not user.is_active or not user.has_perm(DECIDE):
        return requests.none()
    return (
        requests.filter(_is_open_to(user)).exclude(requester=user).exclude(approvals__approver=user)
    )


def may_decide(user: User, asked: ApprovalRequest) -> bool:
    """Whether this person's answer counts, whatever state the request is in."""
    return (
        user.is_active
        and user.pk != asked.requester_id
        and user.has_perm(DECIDE)
        and seen_by(user).filter(pk=asked.pk).exists()
    )


def _is_open_to(user: User) -> Q:
    is_open = Q(subjects__isnull=False)
    for _kind, hidden in _restrictable:
        is_open &= Q(~Exists(hidden(user).filter(_IsAnyOf(F("pk"), OuterRef("subjects")))))
    return is_open
