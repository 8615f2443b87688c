"""Saved views: the page that names one, the list of one's own, and their end."""

from typing import cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from audit.event_filters import parse_filter
from audit.models import AuditView, User
from audit.pages.access import page
from audit.pages.addresses import query, said
from audit.pages.confirm import confirm_page
from audit.principal import person
from audit.saved_views import MAX_NAME, own_view, view_delete, view_save
from portal.lib.errors import NotFound, ValidationFailed, VigilError

Methods = ["GET", "HEAD", "POST"]


class ViewForm(forms.Form):
    name = forms.CharField(
        max_length=MAX_NAME, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
    is_shared = forms.BooleanField(
        required=False,
        label="Show it to all who may read the record",
        widget=UnfoldBooleanSwitchWidget,
    )


@require_safe
@page("audit.view_event")
def view_list(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    views = [
        (view, f"{reverse('audit:event-list')}?{query(view.params)}", said(view.params))
        for view in AuditView.objects.filter(owner=user)
    ]
    context = {**admin.site.each_context(request), "title": "Your saved views", "views": views}
    return TemplateResponse(request, "audit/view_list.html", context)


@require_http_methods(Methods)
@page("audit.view_event")
def view_new(request: HttpRequest) -> HttpResponse:
    """The filters to save are in the address, as on the list."""
    try:
        params = parse_filter(request.GET.dict()).to_params()
    except ValidationFailed as failure:
        raise NotFound from failure
    view = AuditView(owner=cast("User", request.user), params=params)
    return _form(request, view, title="Save this view", text=f"Saves: {said(params)}.")


@require_http_methods(Methods)
@page("audit.view_event")
def view_edit(request: HttpRequest, pk: int) -> HttpResponse:
    view = own_view(cast("User", request.user), pk)
    return _form(request, view, title="Rename or share", text=f"Shows: {said(view.params)}.")


@require_http_methods(Methods)
@page("audit.view_event")
def view_remove(request: HttpRequest, pk: int) -> HttpResponse:
    user = cast("User", request.user)
    view, failure = own_view(user, pk), None
    if request.method == "POST":
        try:
            view_delete(view=view, by=person(user))
        except VigilError as error:
            failure = error
        else:
            messages.success(request, "The view is deleted.")
            return HttpResponseRedirect(reverse("audit:view-list"))
    text = f"Deletes the view “{view.name}”{' for everybody' if view.is_shared else ''}."
    return confirm_page(
        request,
        title="Delete this view",
        text=f"{text} Events are not touched.",
        button="Delete",
        back=reverse("audit:view-list"),
        failure=failure,
        is_dangerous=True,
    )


def _form(request: HttpRequest, view: AuditView, *, title: str, text: str) -> HttpResponse:
    initial = {"name": view.name, "is_shared": view.is_shared}
    form = ViewForm(request.POST if request.method == "POST" else None, initial=initial)
    failure: VigilError | None = None
    back = f"{reverse('audit:event-list')}?{query(view.params)}"
    if request.method == "POST" and form.is_valid():
        view.name, view.is_shared = form.cleaned_data["name"], form.cleaned_data["is_shared"]
        try:
            view_save(view=view, by=person(cast("User", request.user)))
        except VigilError as error:
            failure = error
            for problem in error.errors if isinstance(error, ValidationFailed) else ():
                form.add_error(
                    problem.field if problem.field in form.fields else None, problem.message
                )
        else:
            messages.success(request, "The view is saved.")
            return HttpResponseRedirect(back)
    return confirm_page(
        request, title=title, text=text, button="Save", back=back, form=form, failure=failure
    )
