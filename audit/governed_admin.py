"""The admin of governed rows. Its forms call services; it saves nothing by itself.

Django's own views open a transaction around all of a change, in which no refusal could survive, and
write a log of their own; here the governed call owns the transaction, and the ledger is the log.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg.errors
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import IntegrityError, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.decorators import display

from audit.authentication import principal_of
from audit.governed_forms import GovernedForm
from audit.row_pages import RowPages
from audit.row_versions import row_replace, with_digest
from audit.rows import row_save
from portal.lib.errors import ApprovalRequired, Conflict, VigilError

if TYPE_CHECKING:
    from django.forms import ModelForm

    from audit.models import User

F = TypeVar("F", bound=Callable[..., Any])

FURTHER_BUTTONS = ("show_save_and_continue", "show_save_and_add_another")


def column(description: str, **options: Any) -> Callable[[F], F]:
    """Unfold's `display`, with types."""
    return cast("Callable[[F], F]", display(description=description, **options))


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


class GovernedAdmin(RowPages, OwnTransactions):  # type: ignore[misc] # Unfold is untyped
    form = GovernedForm
    change_list_template = "audit/row_list.html"
    change_form_template = "audit/row_form.html"
    actions: Sequence[Any] = ()
    warn_unsaved_form = True
    # Whether adding a row ends in a page with a secret.
    shows_secret = False

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.inlines or self.list_editable:
            msg = f"{type(self).__name__}: inlines and list_editable would save past the gate"
            raise ImproperlyConfigured(msg)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id)) if object_id else None
        links = self.row_links(request, row) if row is not None else []
        context = {
            "show_history": True,
            "row_links": links,
            # After a secret was shown, there is nowhere to go on to.
            **dict.fromkeys(FURTHER_BUTTONS, bool(object_id) or not self.shows_secret),
            **(extra_context or {}),
        }
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except PermissionDenied:
            self._refuse(request, "change" if object_id else "add", object_id)
            raise
        except ApprovalRequired as waits:
            messages.info(request, waits.message)
            return HttpResponseRedirect(waits.approval)
        except VigilError as failure:
            if request.method != "POST":
                raise
            request.governed_failure = failure  # type: ignore[attr-defined] # read below
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
        form: type[GovernedForm] = super().get_form(request, obj, change, **kwargs)  # type: ignore[assignment] # the form above
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

    def formfield_for_dbfield(
        self, db_field: "models.Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Without the buttons that open other rows in a window of its own."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

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
        related = form.chosen if isinstance(form, GovernedForm) else {}
        if is_new or not isinstance(form, GovernedForm):
            row_save(instance=row, by=by, many_to_many=related, reason=reason)
        else:
            row_replace(
                instance=row,
                seen=form.cleaned_data["seen"],
                many_to_many=related,
                by=by,
                reason=reason,
            )

    def save_related(self, *_args: Any, **_kwargs: Any) -> None:
        """The many-to-many rows are saved with the row, in its governed call."""

    def log_addition(self, *_args: Any) -> None:  # type: ignore[override] # takes whatever comes
        """The ledger is the log; Django's own is never written, here and below."""

    def log_change(self, *_args: Any) -> None:  # type: ignore[override] # takes whatever comes
        """See `log_addition`."""

    def log_deletion(self, *_args: Any) -> None:
        """See `log_addition`."""

    def log_deletions(self, *_args: Any) -> None:  # type: ignore[override] # takes whatever comes
        """See `log_addition`."""

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
