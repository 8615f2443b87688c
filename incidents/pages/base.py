"""What all pages share: who looks, which incident, how a page, a fragment and a refusal are answered.

Every change is one call of a service; a page only asks, and shows what it was told. A refusal never
re-renders a form that has been typed into: it is a fragment that goes beside the text.
"""

import json
import time
from abc import abstractmethod
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views import View

from audit.gate.types import Action
from audit.models import User
from audit.principal import Principal, person
from incidents.models import Incident
from incidents.selectors import incident_get
from portal.lib.errors import FieldError, NotAuthenticated, ValidationFailed, VigilError

# Tells the page's script that something changed, so that it refreshes at once.
CHANGED = "vigil:changed"


def is_fragment(request: HttpRequest) -> bool:
    """Whether a script asks for a part of the page that it is on."""
    return request.headers.get("HX-Request") == "true"


def may(user: User, action: Action, incident: Incident | None = None) -> bool:
    """Whether it is worth showing a button. The gate decides, when it is pressed."""
    permission = action.permission
    if permission is None:
        return False
    return user.has_perm(permission) or (
        incident is not None and user.has_perm(permission, incident)
    )


class Page(View):
    """Open to every active account; what it shows is up to the selectors."""

    user: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User) or not request.user.is_active:
            if is_fragment(request):
                raise NotAuthenticated
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        self.user = request.user
        self.prepare()
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Vigil-Now"] = str(int(time.time() * 1000))
        return response

    def prepare(self) -> None:
        """Finds what the page is about. Raises `NotFound`."""

    @property
    def by(self) -> Principal:
        return person(self.user)

    def page(
        self, template: str, context: dict[str, Any], *, title: str, status: int = 200
    ) -> HttpResponse:
        site = admin.site.each_context(self.request)
        whole = {**site, "title": title, "is_fullwidth": "1", **context}
        return render(self.request, template, whole, status=status)

    def fragment(self, template: str, context: dict[str, Any], *, etag: str = "") -> HttpResponse:
        response = render(self.request, template, context)
        if etag:
            response.headers["ETag"] = f'"{etag}"'
        return response

    def unchanged(self, etag: str) -> HttpResponse | None:
        """304 where the page has that already."""
        if self.request.headers.get("If-None-Match") == f'"{etag}"':
            return HttpResponse(status=304, headers={"ETag": f'"{etag}"'})
        return None


class IncidentPage(Page):
    """A page of one incident; 404 for those who may not know of it."""

    incident: Incident

    def prepare(self) -> None:
        super().prepare()
        number = self.kwargs["number"]
        self.incident = incident_get(self.user, number)


class Act(Page):
    """A form that asks for one change: in a dialog where a script asks for it, else as a page.

    `form_template` shows the form; it gets `form`, `submit_to`, and what `describe` returns.
    """

    form_template = "incidents/dialogs/reason.html"
    form_class: type[Form]
    title = ""

    def form(self, data: Any = None) -> Form:
        return self.form_class(data)

    def describe(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def act(self, data: dict[str, Any]) -> str:
        """Calls the service. Returns where to go next without a script. Raises `VigilError`."""

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self._show(self.form())

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        form = self.form(request.POST)
        try:
            if not form.is_valid():
                raise ValidationFailed(form_errors(form))
            place = self.act(form.cleaned_data)
        except VigilError as error:
            return self.refuse(error, form)
        if is_fragment(request):
            return self.done(place)
        return redirect(place)

    def done(self, _place: str) -> HttpResponse:
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({CHANGED: True})})

    def go(self, place: str) -> HttpResponse:
        """What `done` answers where the next page is another one, or is not live."""
        return HttpResponse(status=204, headers={"HX-Redirect": place})

    def refuse(self, error: VigilError, form: Form) -> HttpResponse:
        refusal = {"error": error, "problems": problems(error, form)}
        if is_fragment(self.request):
            response = render(
                self.request,
                "incidents/refusal.html",
                {**refusal, **self.after_refusal(error)},
                status=error.http_status,
            )
            response.headers["X-Vigil-Fragment"] = "refusal"
            return response
        return self._show(form, refusal, status=error.http_status)

    def after_refusal(self, _error: VigilError) -> dict[str, Any]:
        """More for the fragment that says why."""
        return {}

    def _show(
        self, form: Form, refusal: dict[str, Any] | None = None, *, status: int = 200
    ) -> HttpResponse:
        context = {
            "form": form,
            "heading": self.title,
            "submit_to": self.request.path,
            "form_template": self.form_template,
            **self.describe(),
            **(refusal or {}),
        }
        if is_fragment(self.request):
            return self.fragment(self.form_template, context)
        title = str(context["heading"])
        return self.page("incidents/act.html", context, title=title, status=status)


class IncidentAct(Act, IncidentPage):
    """A change of one incident."""

    def form(self, data: Any = None) -> Form:
        return self.form_class(data, initial={"version": self.request.GET.get("version")})

    def describe(self) -> dict[str, Any]:
        return {"incident": self.incident}

    def place(self) -> str:
        return reverse("incidents:incident-detail", args=[self.incident.pk])


def form_errors(form: Form) -> list[FieldError]:
    return [
        FieldError(name, str(message))
        for name, messages in form.errors.items()
        for message in messages
    ]


def problems(error: VigilError, form: Form) -> list[tuple[str, str, str]]:
    """What is wrong, field by field: the id of its input, its label, and what to do."""
    if not isinstance(error, ValidationFailed):
        return []
    return [
        (
            form[problem.field].auto_id if problem.field in form.fields else "",
            str(form[problem.field].label) if problem.field in form.fields else "",
            problem.message,
        )
        for problem in error.errors
    ]
