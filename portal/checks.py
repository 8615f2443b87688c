"""System checks of the whole. They touch no database."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.apps import AppConfig
from django.contrib import admin
from django.core import checks
from django.http import HttpRequest
from unfold.admin import ModelAdmin as UnfoldAdmin

from audit.governed_admin import GovernedAdmin
from audit.protection import Protection, protection


def register() -> None:
    checks.register(admin_asks_services, checks.Tags.admin)


def admin_asks_services(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django's signature
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    """E010: no page of the admin saves past the gate, and every action says who may press it."""
    return [
        checks.Error(f"{type(registered).__name__} {fault}", obj=type(registered), id="portal.E010")
        for registered in admin.site._registry.values()
        for fault in _faults(registered)
    ]


def _faults(registered: Any) -> Iterator[str]:
    for name in _unpermitted_actions(registered):
        yield f"has the action {name}, which declares no permissions"
    if protection(registered.model) is Protection.UNGOVERNED:
        return
    if "delete_selected" in dict(registered.admin_site.actions):
        yield "offers delete_selected, which deletes past the gate"
    if registered.list_editable:
        yield "has list_editable, which saves past the gate"
    if not isinstance(registered, GovernedAdmin) and not _is_read_only(registered):
        yield "is neither read-only nor a GovernedAdmin, and would save past the gate"


def _unpermitted_actions(registered: Any) -> list[str]:
    """All kinds of them: of the list, of a row, of the page, and beside its save button."""
    actions = {name: action for action, name, _ in registered._get_base_actions()}
    if isinstance(registered, UnfoldAdmin):
        for kind in ("list", "row", "detail", "submit_line"):
            for action in getattr(registered, f"_get_base_actions_{kind}")():
                actions[action.action_name] = action.method
    return [
        name for name, action in actions.items() if not getattr(action, "allowed_permissions", None)
    ]


class _Everything:
    """Stands for a person who holds every permission there is."""

    is_active = is_staff = is_superuser = is_authenticated = True
    pk = 0

    def has_perm(self, _permission: str, _obj: object = None) -> bool:
        return True

    def has_perms(self, _permissions: Sequence[str], _obj: object = None) -> bool:
        return True


def _is_read_only(registered: Any) -> bool:
    """Whether it lets nobody change anything, whatever they hold."""
    request = HttpRequest()
    request.user = cast("Any", _Everything())
    return not (
        registered.has_add_permission(request)
        or registered.has_change_permission(request)
        or registered.has_delete_permission(request)
    )
