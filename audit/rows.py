"""Governed changes of plain configuration rows: what a form saves as it stands.

A model joins by `register_rows(Model)`; the actions `app:model:add|change|delete` ask for Django's
own permissions of the same names.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import models

from audit.gate.types import Action
from audit.governed import ACTIONS, governed, register
from audit.principal import Principal
from audit.record import current

VERBS = {"add": "added", "change": "changed", "delete": "deleted"}
_checks: dict[type[models.Model], Callable[[], object]] = {}


def register_rows(model: type[models.Model], *, check: Callable[[], object] | None = None) -> None:
    """`check` runs within each governed call, once its rows are saved; what it raises undoes them."""
    meta = model._meta
    for verb, past in VERBS.items():
        register(
            Action(
                f"{meta.app_label}:{meta.model_name}:{verb}",
                event=f"{meta.model_name}_{past}",
                permission=f"{meta.app_label}.{verb}_{meta.model_name}",
                is_for_system=True,
            )
        )
    if check:
        _checks[model] = check


def _saving(arguments: Mapping[str, Any]) -> Action:
    row = arguments["instance"]
    return action_on(row, "add" if row._state.adding else "change")


def _deleting(arguments: Mapping[str, Any]) -> Action:
    return action_on(arguments["instance"], "delete")


def action_on(row: models.Model, verb: str) -> Action:
    return ACTIONS[f"{row._meta.app_label}:{row._meta.model_name}:{verb}"]


@governed(_saving, on="instance", carries=("instance",))
def row_save(
    *,
    instance: models.Model,
    by: Principal,
    many_to_many: Mapping[str, Sequence[int]] | None = None,
    related: Callable[[], object] | None = None,
    reason: str = "",
) -> None:
    """Saves the row, then its many-to-many rows, by their keys, as one recorded change. `related`
    saves others with it; such a call cannot wait for approval."""
    # Before it is saved: the history takes the reason from there.
    describe(instance, reason)
    save_whole(instance, many_to_many or {})
    if related:
        related()
    describe(instance, reason)


@governed(_deleting, on="instance")
def row_delete(*, instance: models.Model, by: Principal, reason: str = "") -> None:
    """Raises `django.db.models.ProtectedError` where other rows need this one."""
    describe(instance, reason)
    instance.delete()


def save_whole(instance: models.Model, many_to_many: Mapping[str, Sequence[int]]) -> None:
    instance.save()
    for name, keys in many_to_many.items():
        getattr(instance, name).set(keys)
    if check := _checks.get(type(instance)):
        check()


def describe(instance: models.Model, reason: str) -> None:
    record = current()
    if instance.pk:
        record.target = f"{instance._meta.label_lower}:{instance.pk}"
    record.note(name=str(instance), **({"reason": reason} if reason else {}))
