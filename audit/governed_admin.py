"""The admin of governed rows. Its forms call services; it saves nothing by itself.

Django's own views open a transaction around all of a change, in which no refusal could survive, and
write a log of their own; here the governed call owns the transaction, and the ledger is the log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg.errors
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import IntegrityError, models
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit import gate
from audit.authentication import principal_of
from audit.gate.types import Request, Resource, Verdict
from audit.governed import ACTIONS, refuse, resource_of
from audit.governed_forms import GovernedForm, ReasonForm
from audit.row_history import row_history
from audit.row_versions import row_replace, with_digest
from audit.rows import row_delete, row_save
from portal.lib.errors import Conflict, VigilError

if TYPE_CHECKING:
    from django.forms import ModelForm

    from audit.models import User

F = TypeVar("F", bound=Callable[..., Any])

# So many rows of each kind are named where they keep another one from being deleted.
NAMED = 10


def column(description: str, **options: Any) -> Callable[[F], F]:
    """Unfold's `display`, with types."""
    return cast("Callable[[F], F]", display(description=description, **options))


@dataclass(frozen=True, slots=True)
class RowLink:
    """A page of one row, offered in its header; `icon` is a Material Symbol."""

    title: str
    url: str
    icon: str


class OwnTransactions(admin.ModelAdmin):  # type: ignore[type-arg] # of any model
    """Stands between Unfold's views and Django's in the order of resolution, and replaces those of
    Django's that open a transaction."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response: HttpResponse = self._changeform_view(  # type: ignore[attr-defined] # Django's own
            request, object_id, form_url, extra_context
        )
        return response


class GovernedAdmin(ModelAdmin, OwnTransactions):  # type: ignore[misc] # Unfold is untyped
    form = GovernedForm
    change_form_template = "audit/row_form.html"
    delete_confirmation_template = "audit/row_delete.html"
    object_history_template = "audit/row_history.html"
    actions: Sequence[Any] = ()
    warn_unsaved_form = True

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.inlines or self.list_editable:
            msg = f"{type(self).__name__}: inlines and list_editable would save past the gate"
            raise ImproperlyConfigured(msg)

    # --- What is saved, and how a failure is shown --------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id)) if object_id else None
        links = self.row_links(request, row) if row is not None else []
        context = {"show_history": True, "row_links": links, **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except PermissionDenied:
            self._refuse(request, "change" if object_id else "add", object_id)
            raise
        except VigilError as failure:
            if request.method != "POST":
                raise
            request.governed_failure = failure  # type: ignore[attr-defined]
            response = super().changeform_view(request, object_id, form_url, context)
            response.status_code = failure.http_status
            return response

    def get_form(
        self,
        request: HttpRequest,
        obj: models.Model | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> type[GovernedForm]:
        form: type[GovernedForm] = super().get_form(request, obj, change, **kwargs)  # type: ignore[assignment]
        form.failure = getattr(request, "governed_failure", None)
        form.person = cast("User", request.user)
        return form

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> models.Model | None:
        found: models.Model | None = super().get_object(request, object_id, from_field)
        if found is None:
            return None
        return with_digest(self.model._base_manager.filter(pk=found.pk)).first()

    def save_model(
        self,
        request: HttpRequest,
        obj: models.Model,
        form: "ModelForm[models.Model]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        try:
            self.save_row(request, obj, form, is_new=not change)
        except IntegrityError as error:
            if not isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                raise
            message = "Somebody else saved another one with the same values just now."
            raise Conflict(message) from error

    def save_row(
        self,
        request: HttpRequest,
        row: models.Model,
        form: "ModelForm[models.Model]",
        *,
        is_new: bool,
    ) -> None:
        """The one place where a subclass says by which service its rows are saved."""
        by, reason = principal_of(request), form.cleaned_data.get("reason", "")

        def related() -> None:
            form.save_m2m()
            self.check_saved(row)

        if is_new or not isinstance(form, GovernedForm):
            row_save(instance=row, by=by, related=related, reason=reason)
        else:
            row_replace(
                instance=row,
                seen=form.cleaned_data["seen"],
                many_to_many=form.many_to_many,
                by=by,
                related=related,
                reason=reason,
            )

    def check_saved(self, row: models.Model) -> None:
        """Runs within the governed call, once its rows are saved; what it raises undoes them."""

    def save_related(self, *_args: Any, **_kwargs: Any) -> None:
        """The many-to-many rows are saved with the row, in its governed call."""

    # --- Deleting -----------------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, row):
            self._refuse(request, "delete", object_id)
            raise PermissionDenied
        if row is None:
            return self._missing(request, object_id)
        form = ReasonForm(request.POST or None)
        needed_by = self.needed_by(row)
        status = 200
        if request.method == "POST" and form.is_valid():
            try:
                self.delete_row(request, row, form.cleaned_data["reason"])
            except VigilError as failure:
                form.add_error(None, failure.message)
                status = failure.http_status
            else:
                return self.response_delete(request, str(row), row.pk)
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

    def needed_by(self, row: models.Model) -> dict[str, list[str]]:
        """What keeps the row from being deleted: the first few of each kind, by the kind's name."""
        found = {}
        for relation in self.opts.related_objects:
            if relation.on_delete is not models.PROTECT:
                continue
            related = relation.related_model._base_manager.filter(**{relation.field.name: row})
            named = [str(one) for one in related.order_by("-pk")[: NAMED + 1]]
            if named:
                kind = str(relation.related_model._meta.verbose_name_plural)
                found[kind] = [*named[:NAMED], "…"] if len(named) > NAMED else named
        return found

    # --- History ------------------------------------------------------------------------------------

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

    def log_addition(self, *_args: Any) -> None:  # type: ignore[override]
        """The ledger is the log; Django's own is never written, here and below."""

    def log_change(self, *_args: Any) -> None:  # type: ignore[override]
        """See `log_addition`."""

    def log_deletion(self, *_args: Any) -> None:
        """See `log_addition`."""

    def log_deletions(self, *_args: Any) -> None:  # type: ignore[override]
        """See `log_addition`."""

    # --- Who may --------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is not None and self.has_change_permission(request, obj):
            fieldsets.append((None, {"fields": ["reason"]}))
        return fieldsets

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        return [name for name in super().get_fields(request, obj) if name not in {"seen", "reason"}]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            name: action
            for name, action in super().get_actions(request).items()
            if name != "delete_selected"
        }

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
        decision = gate.decide(asked)
        if decision.verdict is not Verdict.ALLOW:
            raise refuse(asked, decision)
