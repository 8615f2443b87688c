"""Two small pages: one asks before something happens, one shows a secret that is kept nowhere."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.debug import sensitive_variables

from portal.lib.errors import VigilError


def confirm_page(  # noqa: PLR0913 - what the page says, each in its place
    request: HttpRequest,
    *,
    title: str,
    text: str,
    button: str,
    back: str,
    form: forms.Form | None = None,
    failure: VigilError | None = None,
    is_dangerous: bool = False,
) -> HttpResponse:
    """A POST form with what `form` asks for; with a `failure`, what was typed is still there."""
    context = {
        **admin.site.each_context(request),
        "title": title,
        "text": text,
        "button": button,
        "back": back,
        "form": form,
        "failure": failure,
        "is_dangerous": is_dangerous,
    }
    status = failure.http_status if failure else 200
    return TemplateResponse(request, "audit/confirm.html", context, status=status)


@sensitive_variables("secret")
def secret_page(  # noqa: PLR0913 - likewise
    request: HttpRequest, *, title: str, label: str, secret: str, text: str, back: str
) -> HttpResponse:
    """Answers the POST itself: a redirect would have to keep the secret somewhere meanwhile."""
    context = {
        **admin.site.each_context(request),
        "title": title,
        "label": label,
        "secret": secret,
        "text": text,
        "back": back,
    }
    response = TemplateResponse(request, "audit/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
