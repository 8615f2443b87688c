"""Everything about an object: the terms by which entries that touch it are found.

An object is named as the ledger names a target: `incidents.incident:INC-7`, `audit.user:5`, or a
person by `user:ada`. What else belongs to it, an app says by `register`.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from audit.models import ApiToken, ApprovalRequest, User

# An object that has more parts than this is found by the first ones: rather that than a search that
# takes minutes.
MAX_TERMS = 2_000

# Of one model: the row that a key names, and the terms of what belongs to it.
M = TypeVar("M", bound=models.Model)
Find = Callable[[str], "models.Model | None"]
Belongings = Callable[[models.Model], Iterable[str]]
_known: dict[str, tuple[Find, Belongings]] = {}


def register(model: type[models.Model], find: Find, belongings: Belongings) -> None:
    _known[model._meta.label_lower] = (find, belongings)


def terms(about: str) -> list[str]:
    """In a handful of queries, however much belongs to the object."""
    label, _, key = about.partition(":")
    if label == "user":
        label = User._meta.label_lower
    return list(dict.fromkeys(islice(_terms(about, label, key), MAX_TERMS)))


def rows(found: "models.QuerySet[models.Model]") -> Iterable[str]:
    """The terms of some rows: as rows that changed, and as targets."""
    meta = found.model._meta
    for pk in found.order_by("pk").values_list("pk", flat=True)[:MAX_TERMS]:
        yield f"{meta.db_table}:{pk}"
        yield f"{meta.label_lower}:{pk}"


def _terms(about: str, label: str, key: str) -> Iterable[str]:
    yield about
    model = _model(label)
    if model is None:
        return
    name = model._meta.model_name
    yield from (f"{label}:{key}", f"{name}:{key}", f"{name}s:{key}")
    # What waits for approval names the object that it is to be done to.
    yield from _approvals(ApprovalRequest.objects.filter(target=f"{label}:{key}"))
    find, belongings = _known.get(label, (_by_pk(model), lambda _row: ()))
    row = find(key)
    if row is not None:
        yield f"{label}:{row.pk}"
        yield f"{model._meta.db_table}:{row.pk}"
        yield from belongings(row)


def _model(label: str) -> "type[models.Model] | None":
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _by_pk(model: type[M]) -> Callable[[str], M | None]:
    def find(key: str) -> M | None:
        try:
            return model._default_manager.filter(pk=key).first()
        except (ValueError, TypeError, OverflowError, ValidationError):
            return None

    return find


def _approvals(requests: "models.QuerySet[ApprovalRequest]") -> Iterable[str]:
    yield from rows(requests)
    for pk in requests.values_list("pk", flat=True)[:MAX_TERMS]:
        yield f"approval:{pk}"


def _user(key: str) -> User | None:
    """By user name, as the ledger names actors, else by key."""
    return User.objects.filter(username=key).first() or _by_pk(User)(key)


def _of_user(row: models.Model) -> Iterable[str]:
    """As actor, as what it was done to, by name in what was noted; their tokens; what they asked for
    and decided."""
    if not isinstance(row, User):
        return
    name = row.username
    yield from (f"user:{name}", f"audit.user:{name}", f"approved_by:{name}", f"approver:{name}")
    for token in ApiToken.objects.filter(user=row).order_by("pk"):
        yield from (
            f"token:{token.name}",
            f"audit.apitoken:{token.pk}",
            f"audit_apitoken:{token.pk}",
        )
    yield from _approvals(ApprovalRequest.objects.filter(requester=row))
    yield from _approvals(ApprovalRequest.objects.filter(approvals__approver=row))


register(User, _user, _of_user)
