"""API tokens. A token is issued and revoked, never changed; its secret is shown once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audit.accounts import token_issue, token_revoke
from audit.administrators import ADMINISTERS
from audit.authentication import principal_of
from audit.governed_admin import GovernedAdmin, column
from audit.governed_forms import GovernedForm, ReasonForm
from audit.models import ApiToken, User
from audit.models.token import SCOPES
from audit.pages.confirm import confirm_page, secret_page
from audit.row_pages import RowLink
from portal.lib.errors import VigilError

# What each scope opens, for the person who gives it.
SCOPE_LABELS = {
    "alerts:write": "alerts:write – send alerts",
    "logs:write": "logs:write – send logs",
    "incidents:read": "incidents:read – read incidents",
    "incidents:write": "incidents:write – work incidents",
    "audit:read": "audit:read – read the record",
    "admin": "admin – everything that the person may do",
}


class TokenForm(GovernedForm):
    """Nobody gives a token more than they have themselves."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, SCOPE_LABELS.get(scope, scope)) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the token is good for. Give it as little as its program needs.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            people = User.objects.filter(is_active=True).order_by("username")
            if not self.person.has_perm(ADMINISTERS):
                people = people.filter(pk=self.person.pk)
            self.fields["user"].queryset = people  # type: ignore[attr-defined] # a choice field

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        scopes, user = self.cleaned_data.get("scopes", []), self.cleaned_data.get("user")
        if self.cleaned_data.get("source") and "alerts:write" not in scopes:
            self.add_error("source", "Only a token with alerts:write sends alerts.")
        # Without a person behind it a token reads the record by its scope alone.
        reads_record = user is None and bool({"audit:read", "admin"} & set(scopes))
        if reads_record and not self.person.has_perm("audit.view_event"):
            self.add_error("scopes", "Only who may read the record may give that away.")
        expires_at = self.cleaned_data.get("expires_at")
        if expires_at and expires_at <= timezone.now():
            self.add_error("expires_at", "This is in the past.")
        return cleaned


@admin.register(ApiToken)
class ApiTokenAdmin(GovernedAdmin):
    form = TokenForm
    shows_secret = True
    list_display = ("name", "scope_list", "source", "user", "state", "expires_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "source", "user__username")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "scope_list", "source", "user")}),
        ("Life", {"fields": ("state", "created_at", "expires_at", "revoked_at")}),
    )
    add_fieldsets = ((None, {"fields": ("name", "scopes", "source", "user", "expires_at")}),)

    @column("Scopes")
    def scope_list(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @column("State", label={"live": "success", "expired": "warning", "revoked": "danger"})
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "revoked"
        is_over = token.expires_at is not None and token.expires_at <= timezone.now()
        return "expired" if is_over else "live"

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """The record names it; it is revoked instead."""
        return False

    def save_row(
        self, request: HttpRequest, row: Model, _form: "forms.ModelForm[Any]", *, is_new: bool
    ) -> None:
        if not is_new or not isinstance(row, ApiToken):
            raise PermissionDenied
        secret = token_issue(token=row, by=principal_of(request))
        request.one_time_secret = secret  # type: ignore[attr-defined] # carried to the response

    def response_add(
        self, request: HttpRequest, obj: Model, _post_url_continue: str | None = None
    ) -> HttpResponse:
        return secret_page(
            request,
            title=f"Token {obj}",
            label="Secret",
            secret=request.one_time_secret,  # type: ignore[attr-defined] # carried to the response
            text="Send it as “Authorization: Bearer …”, or as the password of HTTP Basic."
            " Only its digest is kept.",
            back=reverse("admin:audit_apitoken_change", args=[obj.pk]),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [
            path("<path:object_id>/revoke/", view, name="audit_apitoken_revoke"),
            *super().get_urls(),
        ]

    def row_links(self, request: HttpRequest, row: Any) -> list[RowLink]:
        if row.revoked_at or not request.user.has_perm("audit.delete_apitoken"):
            return []
        return [RowLink("Revoke", reverse("admin:audit_apitoken_revoke", args=[row.pk]), "block")]

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who may not is refused by the gate, on record."""
        token = self.get_object(request, object_id)
        if not isinstance(token, ApiToken):
            return self._missing(request, object_id)
        if request.method != "POST" and not request.user.has_perm("audit.delete_apitoken"):
            raise PermissionDenied
        back = reverse("admin:audit_apitoken_change", args=[token.pk])
        form = ReasonForm(request.POST if request.method == "POST" else None)
        failure = None
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            try:
                token_revoke(token=token, by=principal_of(request), reason=reason)
            except VigilError as error:
                failure = error
            else:
                self.message_user(request, f"{token} is revoked.")
                return HttpResponseRedirect(back)
        return confirm_page(
            request,
            title=f"Revoke {token}",
            text="It stops working at once and for good. A program that still sends it is refused.",
            button="Revoke",
            back=back,
            form=form,
            failure=failure,
            is_dangerous=True,
        )
