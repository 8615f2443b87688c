"""One's own account: time zone, password, and where one signed in lately."""

from http import HTTPStatus
from typing import cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from audit.accounts import password_change, profile_change
from audit.models import Event, User
from audit.models.user import validate_time_zone
from audit.pages.access import page
from audit.pages.time_zones import time_zones
from audit.principal import person
from audit.second_factor.recovery import codes_left
from portal.lib.errors import ValidationFailed, VigilError

SIGN_INS_SHOWN = 5


class ProfileForm(forms.Form):
    prefix = "profile"

    time_zone = forms.ChoiceField(
        choices=time_zones,
        validators=[validate_time_zone],
        widget=UnfoldAdminSelectWidget,
        help_text="Pages show times in this zone, and UTC where you point at them.",
    )


class PasswordForm(forms.Form):
    prefix = "password"

    old = forms.CharField(
        label="Old password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label="New password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Your other sessions end.",
    )
    again = forms.CharField(
        label="New password again",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # what a form takes, as given
        self.user = user

    def clean_old(self) -> str:
        old: str = self.cleaned_data["old"]
        # Not `User.check_password`, which may save a stronger hash on the way.
        if not check_password(old, self.user.password):
            message = "This is not your password."
            raise forms.ValidationError(message)
        return old

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("password"):
            message = "The two are not the same."
            raise forms.ValidationError(message)
        return again


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@page()
def account(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    is_profile, is_password = "profile" in request.POST, "password" in request.POST
    profile = ProfileForm(
        request.POST if is_profile else None, initial={"time_zone": user.time_zone}
    )
    password = PasswordForm(user, request.POST if is_password else None)
    status = 200
    if is_profile and profile.is_valid():
        status = _profile(request, user, profile)
    elif is_password and password.is_valid():
        status = _password(request, user, password)
    if status == HTTPStatus.FOUND:
        return HttpResponseRedirect(reverse("audit:account"))
    context = {
        **admin.site.each_context(request),
        "title": "My account",
        "profile": profile,
        "password": password,
        "codes_left": codes_left(user).count() if user.second_factor_since else 0,
        "roles": user.groups.order_by("name"),
        "tokens": user.api_tokens.filter(revoked_at=None).order_by("name"),
        "sign_ins": Event.objects.filter(
            actor__in=[person(user).recorded, person(user).actor], action="audit:session:open"
        ).order_by("-id")[:SIGN_INS_SHOWN],
    }
    return TemplateResponse(request, "audit/account.html", context, status=status)


def _profile(request: HttpRequest, user: User, form: ProfileForm) -> int:
    try:
        profile_change(user=user, time_zone=form.cleaned_data["time_zone"], by=person(user))
    except VigilError as failure:
        form.add_error(None, failure.message)
        return failure.http_status
    messages.success(request, f"Times are now shown in {user.time_zone}.")
    return HTTPStatus.FOUND


def _password(request: HttpRequest, user: User, form: PasswordForm) -> int:
    try:
        password_change(user=user, password=form.cleaned_data["password"], by=person(user))
    except ValidationFailed as failure:
        for error in failure.errors:
            form.add_error("password", error.message)
        return failure.http_status
    except VigilError as failure:
        form.add_error(None, failure.message)
        return failure.http_status
    update_session_auth_hash(request, user)
    messages.success(request, "Your password is changed. Your other sessions have ended.")
    return HTTPStatus.FOUND
