"""Roles: Django's groups, and what each may do."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # noqa: F401 - for what it registers
from django.contrib.auth.models import Group, Permission
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audit.governed import ACTIONS
from audit.governed_admin import GovernedAdmin, column
from audit.governed_forms import GovernedForm


class GroupForm(GovernedForm):
    permissions = forms.ModelMultipleChoiceField(
        queryset=Permission.objects.select_related("content_type"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "permissions" in self.fields:
            held = set(self.instance.permissions.all()) if self.instance.pk else set()
            self.fields["permissions"].choices = _choices(held)  # type: ignore[attr-defined] # a choice field


def _choices(held: set[Permission]) -> list[tuple[str, list[tuple[int, str]]]]:
    """What some action or page asks for, by what it is about; and what the role holds already."""
    asked = {action.permission for action in ACTIONS.values()} | {
        f"{model._meta.app_label}.view_{model._meta.model_name}" for model in admin.site._registry
    }
    asked.add("audit.view_event")
    grouped: dict[str, list[tuple[int, str]]] = {}
    for permission in Permission.objects.select_related("content_type").order_by(
        "content_type__app_label", "content_type__model", "codename"
    ):
        kind = permission.content_type
        if f"{kind.app_label}.{permission.codename}" in asked or permission in held:
            about = kind.name[:1].upper() + kind.name[1:]
            grouped.setdefault(about, []).append((permission.pk, permission.name))
    return list(grouped.items())


# Django registers its own as it is imported; ours comes after it, then, whatever the order.
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(GovernedAdmin):
    form = GroupForm
    list_display = ("name", "people", "number_of_permissions")
    search_fields = ("name",)
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name",)}),
        ("May", {"fields": ("permissions",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        counted: QuerySet[Group] = (
            super()
            .get_queryset(request)
            .annotate(
                user_count=Count("user", distinct=True),
                permission_count=Count("permissions", distinct=True),
            )
        )
        return counted

    @column("People", ordering="user_count")
    def people(self, group: Any) -> int:
        return int(group.user_count)

    @column("Permissions", ordering="permission_count")
    def number_of_permissions(self, group: Any) -> int:
        return int(group.permission_count)

    def needed_by(self, row: Any) -> dict[str, str]:
        people = row.user_set.count()
        return {"people": str(people)} if people else {}
