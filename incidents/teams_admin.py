"""Teams and who is told, as administrators edit them. Imported by `incidents.admin`."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audit.governed_admin import GovernedAdmin, column
from audit.governed_forms import GovernedForm
from audit.models import User
from incidents.config_admin import SluggedAdmin
from incidents.models import ChannelKind, NotificationRule, Team
from incidents.notification_rules import STANDARD


class TeamForm(GovernedForm):
    members = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "backup" in self.fields and self.instance.pk:
            others = Team.objects.exclude(pk=self.instance.pk)
            self.fields["backup"].queryset = others  # type: ignore[attr-defined] # likewise


@admin.register(Team)
class TeamAdmin(SluggedAdmin):
    form = TeamForm
    list_display = ("name", "slug", "backup")
    list_select_related = ("backup",)
    search_fields = ("name", "slug")
    fieldsets = ((None, {"fields": ("name", "slug", "members", "backup")}),)


class RuleForm(GovernedForm):
    kinds = forms.MultipleChoiceField(
        label="By",
        choices=ChannelKind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Where a team has no channel of a kind, the shared ones of that kind serve it.",
    )


@admin.register(NotificationRule)
class NotificationRuleAdmin(GovernedAdmin):
    form = RuleForm
    list_display = ("severity", "by", "is_automatic", "tells_backup", "tells_people", "escalates")
    ordering = ("severity",)
    sortable_by = ()
    list_before_template = "incidents/rules_head.html"
    fieldsets = (
        (None, {"fields": ("severity", "kinds")}),
        ("And", {"fields": ("is_automatic", "tells_backup", "tells_people", "escalates")}),
    )

    def get_readonly_fields(
        self, _request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        return ("severity",) if obj else ()

    @column("Told by")
    def by(self, rule: NotificationRule) -> str:
        return ", ".join(str(ChannelKind(kind).label) for kind in rule.kinds) or "nothing"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        known = set(NotificationRule.objects.values_list("severity", flat=True))
        standard = [
            (severity, ", ".join(str(ChannelKind(kind).label) for kind in rule.kinds))
            for severity, rule in STANDARD.items()
            if severity not in known
        ]
        response: HttpResponse = super().changelist_view(
            request, {"standard": standard, **(extra_context or {})}
        )
        return response
