"""What administrators configure: services, sources and the severity mapping. Imported by
`incidents.admin`."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Max, Model, TextField
from django.http import HttpRequest, HttpResponse
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from audit.governed_admin import GovernedAdmin, column
from audit.governed_forms import GovernedForm
from incidents.models import Service, SeverityRule, Source
from incidents.services.routing import FALLBACK
from incidents.severity import Severity
from incidents.unreached import unreached

LABELS = {"texts": "Says", "label_names": "With the label", "label_values": "Of the value"}
# Room for lines that are put in between later.
STEP = 10
# So many lines are looked at for such that are never reached.
MOST_LINES = 500


class SluggedAdmin(GovernedAdmin):
    """The slug is what alerts and tokens name it by, so that it stays once it is there."""

    def get_readonly_fields(
        self, _request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def get_prepopulated_fields(
        self, _request: HttpRequest, obj: Model | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if obj else {"slug": ("name",)}


class ServiceForm(GovernedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_switch(self.fields, "is_public")

    def clean_is_public(self) -> bool | None:
        """No is kept as null, see the model."""
        return self.cleaned_data["is_public"] or None


def _as_switch(fields: dict[str, forms.Field], name: str) -> None:
    """On or off, of a field that has null for no."""
    if name in fields:
        fields[name] = forms.BooleanField(
            label=fields[name].label,
            help_text=fields[name].help_text,
            required=False,
            widget=UnfoldBooleanSwitchWidget(),
        )


@admin.register(Service)
class ServiceAdmin(SluggedAdmin):
    list_display = ("name", "slug", "team", "description")
    list_select_related = ("team",)
    search_fields = ("name", "slug", "description")
    formfield_overrides = {TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}}
    form = ServiceForm
    fieldsets = ((None, {"fields": ("name", "slug", "team", "description", "is_public")}),)


@admin.register(Source)
class SourceAdmin(SluggedAdmin):
    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    fieldsets = ((None, {"fields": ("name", "slug")}),)


class SeverityRuleForm(GovernedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in LABELS.items():
            if name in self.fields:
                field = self.fields[name]
                field.widget = UnfoldAdminTextInputWidget()
                field.label = label
                field.help_text = f"{field.help_text} Several are separated by commas."

        _as_switch(self.fields, "restricts")
        severity = self.fields.get("severity")
        if severity is not None and not self.instance.pk:
            # Nobody makes everything a P0 by not choosing.
            severity.choices = [("", "Select value"), *Severity.choices]  # type: ignore[attr-defined] # a choice field

    def clean_restricts(self) -> bool | None:
        """No is kept as null, see the model."""
        return self.cleaned_data["restricts"] or None

    def clean_texts(self) -> list[str]:
        """Alerts are compared in lower case."""
        return [text.strip().lower() for text in self.cleaned_data["texts"]]


@admin.register(SeverityRule)
class SeverityRuleAdmin(GovernedAdmin):
    form = SeverityRuleForm
    list_display = ("position", "says", "labelled", "gives")
    list_display_links = ("position", "says")
    ordering = ("position",)
    sortable_by = ()
    list_before_template = "audit/severity_mapping.html"
    fieldsets = (
        ("When an alert", {"fields": ("texts", "label_names", "label_values")}),
        ("Then it is", {"fields": ("severity", "restricts")}),
        ("Order", {"fields": ("position",)}),
    )

    @column("The alert says")
    def says(self, rule: SeverityRule) -> str:
        return " or ".join(rule.texts) or "anything, or nothing"

    @column("And comes")
    def labelled(self, rule: SeverityRule) -> str:
        if not rule.label_values:
            return "with any labels, or none"
        names = " or ".join(rule.label_names) or "any label"
        return f"with {names} = {' or '.join(rule.label_values)}"

    @column(
        "Then it is",
        label={
            Severity.P0: "danger",
            Severity.P1: "warning",
            Severity.P2: "info",
        },
    )
    def gives(self, rule: SeverityRule) -> str:
        return f"{rule.severity}, restricted" if rule.restricts else str(rule.severity)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        last = SeverityRule.objects.aggregate(last=Max("position"))["last"] or 0
        return {"position": last + STEP, **super().get_changeform_initial_data(request)}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        lines = SeverityRule.objects.order_by("position")[:MOST_LINES]
        context = {"fallback": FALLBACK, "unreached": unreached(lines), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response
