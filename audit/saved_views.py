"""Views of the record that people save: filters under a name, one's own or shared with all who may
read the record. Some come with the product."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from audit.event_filters import parse_filter
from audit.gate.types import Action
from audit.governed import governed
from audit.models import AuditView, User
from audit.principal import Principal
from audit.record import current
from portal.lib.errors import FieldError, GovernanceDenied, NotFound, ValidationFailed

MAX_VIEWS, MAX_NAME = 100, 80

SAVE = Action("audit:view:save", event="audit_view_saved", permission="audit.view_event")
DELETE = Action("audit:view:delete", event="audit_view_deleted", permission="audit.view_event")


@dataclass(frozen=True, slots=True)
class BuiltIn:
    name: str
    params: dict[str, str]


BUILT_IN = (
    BuiltIn("Refused in the last 24 hours", {"verdict": "deny", "within": "24h"}),
    BuiltIn("Failures of the gate", {"verdict": "failure"}),
    BuiltIn("Governance changes", {"text": 'policyset or gatelatch or "auth group"'}),
    BuiltIn("Sign-ins", {"action": "audit:session:*"}),
    BuiltIn("Log access", {"action": "forensics:*"}),
    BuiltIn("Exports of the record", {"action": "audit:evidence:*"}),
)


def views_of(user: User) -> "QuerySet[AuditView]":
    """One's own and what others share."""
    return AuditView.objects.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


def own_view(user: User, pk: int) -> AuditView:
    """Raises `NotFound` for one of somebody else's, whether it is there or not."""
    view = AuditView.objects.filter(owner=user, pk=pk).first()
    if view is None:
        raise NotFound
    return view


@governed(SAVE, on="view")
def view_save(*, view: AuditView, by: Principal) -> AuditView:
    """Adds it, or changes its name and whether it is shared.

    Raises `ValidationFailed` for filters that the viewer would not take, or a name that is taken.
    """
    _own(view, by)
    view.name = _name(view)
    view.params = parse_filter(view.params).to_params()
    if not view.params:
        raise ValidationFailed([FieldError("params", "There is no filter to save.")])
    if view._state.adding:
        if AuditView.objects.filter(owner=view.owner).count() >= MAX_VIEWS:
            message = f"You have {MAX_VIEWS} views; delete one first."
            raise ValidationFailed([FieldError("name", message)])
        view.created_at = current().at
    view.save()
    current().target = f"{AuditView._meta.label_lower}:{view.pk}"
    current().note(name=view.name, is_shared=view.is_shared, filters=_said(view.params))
    return view


@governed(DELETE, on="view")
def view_delete(*, view: AuditView, by: Principal) -> None:
    _own(view, by)
    current().note(name=view.name, filters=_said(view.params))
    view.delete()


def _own(view: AuditView, by: Principal) -> None:
    if by.user is None or view.owner != by.user:
        raise GovernanceDenied("A view is its owner's to change.")


def _name(view: AuditView) -> str:
    name = " ".join(view.name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        message = f"A view needs a name of at most {MAX_NAME} characters."
        raise ValidationFailed([FieldError("name", message)])
    if AuditView.objects.filter(owner=view.owner, name=name).exclude(pk=view.pk).exists():
        raise ValidationFailed([FieldError("name", "You have a view of this name already.")])
    return name


def _said(params: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items())
