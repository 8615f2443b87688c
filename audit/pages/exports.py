"""Taking part of the record along: the list's filters, what it is for, and in which form.

Governed: the request, the reason and the digest of what left are on record before it leaves.
"""

from typing import TYPE_CHECKING, cast

from django import forms
from django.contrib import admin
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextareaWidget

from audit.event_filters import parse_filter
from audit.evidence.contents import MAX_BYTES
from audit.evidence.export import MAX_REASON, evidence_export, record_export
from audit.evidence.selection import MAX_EVENTS, parse_selection
from audit.evidence.views import NDJSON, ZIP, as_file
from audit.pages.access import page
from audit.pages.addresses import query, said
from audit.principal import person
from portal.lib.errors import NotFound, ValidationFailed, VigilError

if TYPE_CHECKING:
    from audit.models import User


class ExportForm(forms.Form):
    reason = forms.CharField(
        label="What it is for",
        max_length=MAX_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Goes on record, with your name and the digest of the file.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page("audit.view_event")
def event_export(request: HttpRequest) -> HttpResponseBase:
    """The filters are in the address, as on the list."""
    try:
        params = parse_filter(request.GET.dict()).to_params()
    except ValidationFailed as invalid:
        raise NotFound from invalid
    form = ExportForm(request.POST if request.method == "POST" else None)
    failure: VigilError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            return _export(request, params, form.cleaned_data["reason"])
        except VigilError as error:
            failure = error
            for problem in error.errors if isinstance(error, ValidationFailed) else ():
                form.add_error(
                    problem.field if problem.field in form.fields else None,
                    f"{problem.field.capitalize()} {problem.message}.",
                )
    return _show(request, params, form, failure)


def _export(request: HttpRequest, params: dict[str, str], reason: str) -> FileResponse:
    selection, by = parse_selection(params), person(cast("User", request.user))
    match request.POST.get("form"):
        case "pack":
            exported = evidence_export(selection=selection, by=by, reason=reason)
            return as_file(exported, f"evidence-{exported.number}.zip", ZIP)
        case "ndjson":
            exported = record_export(selection=selection, by=by, reason=reason)
            return as_file(exported, f"record-{exported.number}.ndjson", NDJSON)
        case _:
            raise NotFound


def _show(
    request: HttpRequest, params: dict[str, str], form: ExportForm, failure: VigilError | None
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Export",
        "said": said(params),
        "form": form,
        "failure": failure,
        "most_events": f"{MAX_EVENTS:,}",
        "most_mib": MAX_BYTES >> 20,
        "back": f"{reverse('audit:event-list')}?{query(params)}",
    }
    status = failure.http_status if failure else 400 if form.errors else 200
    return TemplateResponse(request, "audit/event_export.html", context, status=status)
