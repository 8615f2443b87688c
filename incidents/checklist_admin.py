"""Checklists of the steps, as administrators edit them. Imported by `incidents.admin`."""

from typing import Any

from django.contrib import admin
from django.db.models import TextField
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from audit.governed_admin import GovernedAdmin, column
from incidents.checklist_lines import lines
from incidents.models import ChecklistTemplate
from incidents.procedure import STEPS


@admin.register(ChecklistTemplate)
class ChecklistTemplateAdmin(GovernedAdmin):
    list_display = ("of_step", "for_service", "for_severity", "asks")
    list_display_links = ("of_step",)
    list_filter = ("step", "severity")
    list_select_related = ("service",)
    ordering = ("step", "service", "severity")
    sortable_by = ()
    list_before_template = "incidents/checklists_head.html"
    formfield_overrides = {TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 8})}}
    fieldsets = (
        (None, {"fields": ("step", "items")}),
        ("Only for", {"fields": ("service", "severity")}),
    )

    @column("Step")
    def of_step(self, template: ChecklistTemplate) -> str:
        return template.get_step_display()

    @column("Service")
    def for_service(self, template: ChecklistTemplate) -> str:
        return str(template.service or "any")

    @column("Severity")
    def for_severity(self, template: ChecklistTemplate) -> str:
        return template.severity or "any"

    @column("Asks for")
    def asks(self, template: ChecklistTemplate) -> str:
        found = lines(template.items)
        required = sum(line.is_required for line in found)
        return f"{len(found)} items, {required} required"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().changelist_view(
            request, {"steps": STEPS, **(extra_context or {})}
        )
        return response
