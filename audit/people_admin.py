"""People. Accounts are deactivated, never deleted: the record names them."""

import secrets
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from audit.accounts import password_set
from audit.authentication import principal_of
from audit.erasure.services import ERASE
from audit.governed_admin import GovernedAdmin, column
from audit.governed_forms import GovernedForm, ReasonForm
from audit.models import User
from audit.pages.addresses import query
from audit.pages.confirm import confirm_page, secret_page
from audit.pages.time_zones import time_zones
from audit.row_pages import RowLink
from audit.second_factor.services import second_factor_reset
from audit.subjects import is_erased
from portal.lib.errors import VigilError


class UserForm(GovernedForm):
    time_zone = forms.ChoiceField(
        choices=time_zones,
        initial="UTC",
        widget=UnfoldAdminSelectWidget,
        help_text="Pages show times in this zone.",
    )
    groups = forms.ModelMultipleChoiceField(
        queryset=Group.objects.order_by("name"),
        required=False,
        label="Roles",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What this person may do is what their roles may do.",
    )

    def clean_is_active(self) -> bool:
        is_active = bool(self.cleaned_data["is_active"])
        if self.instance == self.person and not is_active:
            message = "You cannot deactivate your own account."
            raise forms.ValidationError(message)
        return is_active


@admin.register(User)
class UserAdmin(GovernedAdmin):
    form = UserForm
    shows_secret = True
    list_display = ("username", "full_name", "roles", "state", "time_zone", "last_login")
    list_display_links = ("username",)
    list_filter = ("is_active", "groups")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", ("first_name", "last_name"), "email")}),
        ("Access", {"fields": ("groups", "is_active")}),
        ("Preferences", {"fields": ("time_zone",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", ("first_name", "last_name"), "email")}),
        ("Access", {"fields": ("groups",)}),
        ("Preferences", {"fields": ("time_zone",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @column("Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @column("Roles")
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    @column("State", label={"active": "success", "deactivated": "warning", "erased": "danger"})
    def state(self, user: User) -> str:
        if is_erased(user):
            return "erased"
        return "active" if user.is_active else "deactivated"

    def get_readonly_fields(
        self, _request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """The record names people by their user name, so that it stays."""
        return ("username",) if obj else ()

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody brings back who was erased."""
        if isinstance(obj, User) and is_erased(obj):
            return False
        return bool(super().has_change_permission(request, obj))

    def save_row(
        self, request: HttpRequest, row: Model, form: "forms.ModelForm[Any]", *, is_new: bool
    ) -> None:
        if is_new and isinstance(row, User):
            request.one_time_secret = new_password()  # type: ignore[attr-defined] # carried to the response
            row.set_password(request.one_time_secret)  # type: ignore[attr-defined] # carried to the response
        super().save_row(request, row, form, is_new=is_new)

    def response_add(
        self, request: HttpRequest, obj: Model, _post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._password_page(request, obj)

    def get_urls(self) -> list[URLPattern]:
        password = self.admin_site.admin_view(self.password_view)
        reset = self.admin_site.admin_view(self.reset_view)
        return [
            path("<path:object_id>/password/", password, name="audit_user_password"),
            path("<path:object_id>/second-factor/", reset, name="audit_user_second_factor"),
            *super().get_urls(),
        ]

    def row_links(self, request: HttpRequest, row: Model) -> list[RowLink]:
        links = []
        if isinstance(row, User) and request.user.has_perm("audit.view_event"):
            about = f"{reverse('audit:event-list')}?{query({'about': f'user:{row.username}'})}"
            links.append(RowLink("Everything on record", about, "receipt_long"))
        if isinstance(row, User) and is_erased(row):
            certificate = reverse("audit:erasure-detail", args=[row.erasure.event_id])
            return [*links, RowLink("Certificate", certificate, "verified")]
        if self.has_change_permission(request, row):
            url = reverse("admin:audit_user_password", args=[row.pk])
            links.append(RowLink("New password", url, "key"))
            if isinstance(row, User) and row.second_factor_since and row != request.user:
                url = reverse("admin:audit_user_second_factor", args=[row.pk])
                links.append(RowLink("Reset second factor", url, "phonelink_erase"))
        if request.user.has_perm(str(ERASE.permission)):
            erase = reverse("audit:person-erase", args=[row.pk])
            links.append(RowLink("Erase…", erase, "ink_eraser"))
        return links

    def password_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Draws a new password and shows it once. Who may not is refused by the gate, on record."""
        user = self.get_object(request, object_id)
        if not isinstance(user, User):
            return self._missing(request, object_id)
        if request.method != "POST" and not self.has_change_permission(request, user):
            raise PermissionDenied
        failure = None
        if request.method == "POST":
            password = new_password()
            try:
                password_set(user=user, password=password, by=principal_of(request))
            except VigilError as error:
                failure = error
            else:
                request.one_time_secret = password  # type: ignore[attr-defined] # carried to the response
                return self._password_page(request, user)
        return confirm_page(
            request,
            title=f"New password for {user}",
            text="The old password stops working at once, and every session that began with it ends."
            " The new one is drawn at random and shown once, here.",
            button="Draw a new password",
            back=reverse("admin:audit_user_change", args=[user.pk]),
            failure=failure,
        )

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who may not is refused by the gate, on record."""
        user = self.get_object(request, object_id)
        if not isinstance(user, User):
            return self._missing(request, object_id)
        if request.method != "POST" and not self.has_change_permission(request, user):
            raise PermissionDenied
        back = reverse("admin:audit_user_change", args=[user.pk])
        form = ReasonForm(request.POST if request.method == "POST" else None)
        failure = None
        if request.method == "POST" and form.is_valid():
            try:
                second_factor_reset(
                    user=user, by=principal_of(request), reason=form.cleaned_data["reason"]
                )
            except VigilError as error:
                failure = error
            else:
                self.message_user(request, f"{user} has no second factor any more.")
                return HttpResponseRedirect(back)
        return confirm_page(
            request,
            title=f"Reset the second factor of {user}",
            text="For somebody who has lost their app and their recovery codes. Their password alone"
            " signs them in again, so make sure that it is them. All their sessions lose it at once.",
            button="Reset",
            back=back,
            form=form,
            failure=failure,
            is_dangerous=True,
        )

    def _password_page(self, request: HttpRequest, user: Any) -> HttpResponse:
        return secret_page(
            request,
            title=f"Password of {user}",
            label=f"One-time password for {user.username}",
            secret=request.one_time_secret,  # type: ignore[attr-defined] # carried to the response
            text="Hand it over in person. It can be changed under “My account” after signing in.",
            back=reverse("admin:audit_user_change", args=[user.pk]),
        )


def new_password() -> str:
    return secrets.token_urlsafe(12)
