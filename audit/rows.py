"""Governed changes of plain configuration rows: what a form saves as it stands.

A model joins by `register_rows(Model)`; the actions `app:model:add|change|delete` ask for Django's
own permissions of the same names.
"""

from collections.abc import Callable

from django.db import models

from audit.gate.types import Action, Request
from audit.governed import ACTIONS, perform, register, resource_of
from audit.models import User
from audit.principal import Principal
from audit.record import current

VERBS = {"add": "added", "change": "changed", "delete": "deleted"}


def register_rows(model: type[models.Model]) -> None:
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


def row_save(
    *,
    instance: models.Model,
    by: Principal,
    related: Callable[[], object] | None = None,
    reason: str = "",
) -> None:
    """Saves the row, then its many-to-many rows by `related`, as one recorded change."""
    verb = "add" if instance._state.adding else "change"

    def change() -> None:
        # Before it is saved: the history takes the reason from there.
        describe(instance, reason)
        instance.save()
        if related:
            related()
        describe(instance, reason)

    perform(_request(instance, verb, by), change)


def row_delete(*, instance: models.Model, by: Principal, reason: str = "") -> None:
    """Raises `django.db.models.ProtectedError` where other rows need this one."""

    def change() -> None:
        describe(instance, reason)
        instance.delete()

    perform(_request(instance, "delete", by), change)


def _request(instance: models.Model, verb: str, by: Principal) -> Request:
    meta = instance._meta
    return Request(
        by, ACTIONS[f"{meta.app_label}:{meta.model_name}:{verb}"], resource_of(instance, by)
    )


def describe(instance: models.Model, reason: str) -> None:
    record = current()
    if instance.pk:
        record.target = f"{instance._meta.label_lower}:{instance.pk}"
    name = instance if isinstance(instance, User) else str(instance)
    record.note(name=name, **({"reason": reason} if reason else {}))
