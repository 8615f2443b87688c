"""The pages of one governed row beside its form: deleting it, and how it came to be what it is."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin

from audit.authentication import principal_of
from audit.gate import engine
from audit.gate.types import Request, Resource, Verdict
from audit.governed import ACTIONS, refuse, resource_of
from audit.governed_forms import ReasonForm
from audit.row_history import row_history
from audit.rows import row_delete
from portal.lib.errors import ApprovalRequired, Conflict, VigilError

# So far is counted of each kind of rows that keep another one from being deleted.
COUNTED = 10


@dataclass(frozen=True, slots=True)
class RowLink:
    """A page of one row, offered in its header; `icon` is a Material Symbol."""

    title: str
    url: str
    icon: str


class RowPages(ModelAdmin):  # type: ignore[misc] # Unfold is untyped
    delete_confirmation_template = "audit/row_delete.html"
    object_history_template = "audit/row_history.html"

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, row):
            self._refuse(request, "delete", object_id)
            raise PermissionDenied
        if row is None:
            return self._missing(request, object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        needed_by = self.needed_by(row)
        status = 200
        if request.method == "POST" and form.is_valid():
            try:
                self.delete_row(request, row, form.cleaned_data["reason"])
            except ApprovalRequired as waits:
                messages.info(request, waits.message)
                return HttpResponseRedirect(waits.approval)
            except VigilError as failure:
                form.add_error(None, failure.message)
                status = failure.http_status
            else:
                deleted: HttpResponse = self.response_delete(request, str(row), row.pk)
                return deleted
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete {self.opts.verbose_name}",
            "subtitle": None,
            "opts": self.opts,
            "object": row,
            "form": form,
            "needed_by": needed_by,
            "back": self._row_url(row),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.delete_confirmation_template, context, status=status)

    def delete_row(self, request: HttpRequest, row: models.Model, reason: str) -> None:
        in_use = f"This {self.opts.verbose_name} is in use, so it stays."
        if self.needed_by(row):
            raise Conflict(in_use)
        try:
            row_delete(instance=row, by=principal_of(request), reason=reason)
        except ProtectedError as error:
            raise Conflict(in_use) from error

    def needed_by(self, row: models.Model) -> dict[str, str]:
        """What keeps the row from being deleted: how many of each kind. Which ones is not said:
        among them may be some that this person may not know of."""
        found = {}
        for relation in self.opts.related_objects:
            if relation.on_delete is not models.PROTECT:
                continue
            related = relation.related_model._base_manager.filter(**{relation.field.name: row})
            count = len(related.order_by("-pk").values_list("pk")[: COUNTED + 1])
            if count:
                kind = str(relation.related_model._meta.verbose_name_plural)
                found[kind] = f"more than {COUNTED}" if count > COUNTED else str(count)
        return found

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._missing(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": "History",
            "subtitle": str(row),
            "opts": self.opts,
            "object": row,
            "history": row_history(row),
            "back": self._row_url(row),
            "may_read_events": request.user.has_perm("audit.view_event"),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.object_history_template, context)

    def row_links(self, _request: HttpRequest, _row: models.Model) -> list[RowLink]:
        """Further pages of this row that this person may open."""
        return []

    def _row_url(self, row: models.Model) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])

    def _missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        response: HttpResponse = self._get_obj_does_not_exist_redirect(
            request, self.opts, object_id
        )
        return response

    def _refuse(self, request: HttpRequest, verb: str, object_id: str | None) -> None:
        """Puts it on record when somebody tried to change what they may not."""
        if request.method != "POST":
            return
        by = principal_of(request)
        row = self.get_object(request, unquote(object_id)) if object_id else None
        action = ACTIONS[f"{self.opts.app_label}:{self.opts.model_name}:{verb}"]
        resource = resource_of(row, by) if row else Resource(self.opts.label_lower, "new")
        asked = Request(by, action, resource)
        decision = engine.decide(asked)
        if decision.verdict is not Verdict.ALLOW:
            raise refuse(asked, decision)
