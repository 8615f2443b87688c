"""Signing in: a page for the password, and one for the code where the account has a second factor."""

from http import HTTPStatus
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from unfold.forms import AuthenticationForm as UnfoldAuthenticationForm

from audit.models import User
from audit.pages.second_factor_forms import CodeForm
from audit.principal import person
from audit.second_factor import session
from audit.second_factor.services import second_factor_answer
from audit.secrecy import Typed
from audit.sessions import address_of
from portal.lib.errors import VigilError


class SignInForm(UnfoldAuthenticationForm):  # type: ignore[misc] # no stubs
    """Open to every active account: `is_staff` means nothing here, permissions do."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "User name and password do not go together. Both tell capitals apart.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        AuthenticationForm.confirm_login_allowed(self, user)


class SignIn(LoginView):
    """Signs in whom the password is enough for; the others go on to `code`."""

    def form_valid(self, form: Any) -> HttpResponse:
        user = cast("User", form.get_user())
        if user.second_factor_since is None:
            return super().form_valid(form)
        session.wait_for_code(self.request, user, then=self.get_success_url())
        return HttpResponseRedirect(reverse("audit:sign-in-code"))


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    waiting = session.waiting(request)
    if waiting is None:
        messages.info(request, "Please sign in with your password again.")
        return HttpResponseRedirect(reverse("admin:login"))
    user, then = waiting
    form = CodeForm(request.POST if request.method == "POST" else None)
    form.fields["code"].widget.attrs["autofocus"] = True
    status = 200
    if form.is_bound:
        status = _answer(request, user, form)
    if status == HTTPStatus.FOUND:
        return HttpResponseRedirect(then)
    context = {**admin.site.each_context(request), "title": "Second factor", "form": form}
    return TemplateResponse(request, "audit/second_factor/sign_in.html", context, status=status)


def _answer(request: HttpRequest, user: User, form: forms.Form) -> int:
    if not form.is_valid():
        return HTTPStatus.BAD_REQUEST
    try:
        typed = Typed(form.cleaned_data["code"])
        if second_factor_answer(
            user=user, code=typed, by=person(user), address=address_of(request)
        ):
            session.sign_in(request, user)
            return HTTPStatus.FOUND
    except VigilError as failure:
        form.add_error(None, failure.message)
        return failure.http_status
    form.add_error("code", "This code is wrong, or was used before.")
    return HTTPStatus.BAD_REQUEST
