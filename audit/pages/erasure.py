"""Erasing a person, and the certificate of it. For administrators."""

import json

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from audit.authentication import principal_of
from audit.erasure import certificate
from audit.erasure.services import ERASE, MAX_REASON, obstacles, person_erase
from audit.models import Erasure, User
from audit.pages.access import page
from audit.subjects import People
from portal.lib.errors import ApprovalRequired, Conflict, VigilError

LABELS = {
    "sealed_values": "Sealed values destroyed",
    "tokens_revoked": "Tokens revoked",
    "object_permissions": "Permissions on single objects removed",
    "events_in_the_clear": "Events of earlier releases that name the person",
    "timeline_entries_in_the_clear": "Timeline entries of earlier releases that name the person",
}


class EraseForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="It goes on record and stays there, so do not name the person in it.",
    )
    username = forms.CharField(
        label="User name",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Type it, to be sure that it is the right person.",
    )

    def __init__(self, user: User, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type] # a QueryDict or nothing
        self.user = user

    def clean_username(self) -> str:
        typed = str(self.cleaned_data["username"])
        if typed != self.user.username:
            message = "That is not this person's user name."
            raise forms.ValidationError(message)
        return typed


@require_http_methods(["GET", "HEAD", "POST"])
@page("audit.view_user")
def erase(request: HttpRequest, pk: int) -> HttpResponse:
    """Who may not, and posts all the same, is refused by the gate, on record."""
    user = get_object_or_404(User, pk=pk)
    by = principal_of(request)
    may = request.user.has_perm(str(ERASE.permission))
    if request.method != "POST" and not may:
        raise PermissionDenied
    form = EraseForm(user, request.POST if request.method == "POST" else None)
    failure: VigilError | None = None
    if request.method == "POST" and (form.is_valid() or not may):
        try:
            if may and (found := obstacles(user, by=by)):
                # Before anybody is asked to approve what could not be done.
                raise Conflict(" ".join(found))
            erasure = person_erase(user=user, by=by, reason=form.cleaned_data.get("reason", ""))
        except ApprovalRequired as waiting:
            return HttpResponseRedirect(waiting.approval)
        except VigilError as error:
            failure = error
        else:
            return HttpResponseRedirect(_url(erasure))
    context = {
        **admin.site.each_context(request),
        "title": f"Erase {user}",
        "person": user,
        "form": form,
        "failure": failure,
        "obstacles": obstacles(user, by=by),
        "destroyed": certificate.DESTROYED,
        "remains": certificate.REMAINS,
        "button": "Ask for approval to erase",
        "back": reverse("admin:audit_user_change", args=[pk]),
        "is_dangerous": True,
    }
    status = failure.http_status if failure else 400 if form.errors else 200
    return TemplateResponse(request, "audit/erase.html", context, status=status)


@require_safe
@page("audit.view_user")
def erasure_detail(request: HttpRequest, number: int) -> HttpResponse:
    """The certificate to read; `number` is that of the erasure's event."""
    erasure = get_object_or_404(Erasure, event_id=number)
    try:
        issued, waits = certificate.certificate(erasure), ""
    except Conflict as conflict:
        issued, waits = {}, conflict.message
    people = People([json.dumps(issued)])
    context = {
        **admin.site.each_context(request),
        "title": "Erasure certificate",
        "erasure": erasure,
        "certificate": issued,
        "waits": waits,
        "requested_by": people.text(str(issued.get("requested_by", ""))),
        "approved_by": [people.text(ref) for ref in issued.get("approved_by", ())],
        "counts": {
            part: [(LABELS.get(name, name), n) for name, n in counts.items()]
            for part, counts in issued.get("counts", {}).items()
        },
        "may_read_events": request.user.has_perm("audit.view_event"),
    }
    return TemplateResponse(request, "audit/erasure.html", context)


@require_safe
@page("audit.view_user")
def erasure_certificate(_request: HttpRequest, number: int) -> HttpResponse:
    """Raises `Conflict` while no checkpoint covers it."""
    erasure = get_object_or_404(Erasure, event_id=number)
    body = json.dumps(certificate.certificate(erasure), indent=2, ensure_ascii=False)
    response = HttpResponse(body + "\n", content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="erasure-{number}.json"'
    response["Cache-Control"] = "private, no-store"
    return response


def _url(erasure: Erasure) -> str:
    return reverse("audit:erasure-detail", args=[erasure.event_id])
