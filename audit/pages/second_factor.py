"""One's own second factor: set up, confirm for this session, new recovery codes, remove."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from audit.models import User
from audit.pages.access import page
from audit.pages.second_factor_forms import AppCodeForm, CodeForm, PasswordForm, RemoveForm
from audit.principal import person
from audit.second_factor import services, session, totp
from audit.second_factor.recovery import codes_left
from audit.secrecy import Typed
from portal.lib.errors import NotFound, ValidationFailed, VigilError

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = "This code is wrong, or was used before."
TITLE = "Second factor"


@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@page()
def second_factor(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    if request.method != "POST":
        return _show(request, user)
    does: dict[str, tuple[type[forms.Form], Callable[..., HttpResponse | None]]] = {
        "begin": (PasswordForm, _begin),
        "confirm": (AppCodeForm, _confirm),
        "answer": (CodeForm, _answer),
        "renew": (CodeForm, _renew),
        "remove": (RemoveForm, _remove),
    }
    name = request.POST.get("do", "")
    if name not in does:
        raise NotFound
    form_class, does_it = does[name]
    form = form_class(request.POST)
    status = HTTPStatus.BAD_REQUEST.value
    try:
        if form.is_valid():
            typed = {field: Typed(text) for field, text in form.cleaned_data.items()}
            if response := does_it(request, user, **typed):
                return response
            form.add_error("code", WRONG)
    except ValidationFailed as failure:
        for problem in failure.errors:
            form.add_error(problem.field, problem.message)
    except VigilError as failure:
        status = failure.http_status
        form.add_error(None, failure.message)
    return _show(request, User.objects.get(pk=user.pk), {name: form}, status=status)


@sensitive_variables("secret", "uri")
def _begin(request: HttpRequest, user: User, *, password: Typed) -> HttpResponse:
    """Answers the POST itself: a redirect would have to keep the secret somewhere meanwhile."""
    secret = services.second_factor_begin(user=user, password=password, by=person(user))
    uri = totp.provisioning_uri(
        secret, issuer=f"Vigil {settings.ALLOWED_HOSTS[0]}", account=user.username
    )
    shown = {"secret": totp.secret_text(secret), "qr": _qr(uri), "form": AppCodeForm()}
    return _page(request, "set_up", shown)


def _confirm(request: HttpRequest, user: User, *, code: Typed) -> HttpResponse:
    codes = services.second_factor_confirm(user=user, code=code, by=person(user))
    session.confirm(request, user)
    return _codes(request, codes, is_new=True)


def _answer(request: HttpRequest, user: User, *, code: Typed) -> HttpResponse | None:
    if not services.second_factor_answer(user=user, code=code, by=person(user)):
        return None
    session.confirm(request, user)
    messages.success(request, "Your second factor is confirmed for this session.")
    return HttpResponseRedirect(session.way_back(request) or reverse("audit:second-factor"))


def _renew(request: HttpRequest, user: User, *, code: Typed) -> HttpResponse | None:
    codes = services.recovery_codes_renew(user=user, code=code, by=person(user))
    return _codes(request, codes) if codes else None


def _remove(
    request: HttpRequest, user: User, *, password: Typed, code: Typed
) -> HttpResponse | None:
    removed = services.second_factor_remove(
        user=user, password=password, code=code, by=person(user)
    )
    if not removed:
        return None
    messages.success(request, "Your second factor is removed.")
    return HttpResponseRedirect(reverse("audit:account"))


def _show(
    request: HttpRequest,
    user: User,
    failed: dict[str, forms.Form] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    failed = failed or {}
    if user.second_factor_since is None:
        begin = failed.get("begin") or PasswordForm(auto_id="begin_%s")
        confirm = failed.get("confirm")
        return _page(request, "set_up", {"begin": begin, "form": confirm}, status=status)
    context: dict[str, Any] = {
        "is_confirmed": session.confirmed_at(request) is not None,
        "codes_left": codes_left(user).count(),
        "answer": failed.get("answer") or CodeForm(auto_id="answer_%s"),
        "renew": failed.get("renew") or CodeForm(auto_id="renew_%s"),
        "remove": failed.get("remove") or RemoveForm(auto_id="remove_%s"),
    }
    return _page(request, "manage", context, status=status)


def _codes(request: HttpRequest, codes: list[str], *, is_new: bool = False) -> HttpResponse:
    back = session.way_back(request)
    context = {
        "codes": codes,
        "is_new": is_new,
        "back": back or reverse("audit:account"),
        "back_label": "I have kept them, go on" if back else "I have kept them",
    }
    return _page(request, "codes", context)


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    whole = {
        **admin.site.each_context(request),
        "title": TITLE,
        "next": session.way_back(request),
        **context,
    }
    template = f"audit/second_factor/{name}.html"
    return TemplateResponse(request, template, whole, status=status)


def _qr(uri: str) -> SafeString:
    """Drawn here: no other service learns the secret."""
    svg = segno.make(uri, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff")
    return mark_safe(svg)  # noqa: S308 - squares, made from our own text
