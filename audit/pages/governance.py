"""The gate in plain words: the four laws, the rules in force, whether it is open, and its release."""

import hashlib
import json
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextareaWidget

from audit import governance_selectors as selectors
from audit.gate import latch, policy
from audit.gate.axioms import AXIOMS, PINNED
from audit.gate.four_laws import LAWS, Law
from audit.latches import gate_release, latch_review, open_latches, record_latch, verification
from audit.models import GateLatch, User
from audit.pages.access import page
from audit.principal import person
from portal.lib.errors import Conflict, NotFound, ValidationFailed, VigilError

RELEASE = "audit.release_gate"


class ReleaseForm(forms.Form):
    reason = forms.CharField(
        label="What was found, and what was done",
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class ReviewForm(forms.Form):
    review = forms.CharField(
        label="What the cause was",
        required=False,
        max_length=10_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )


@dataclass(frozen=True, slots=True)
class Past:
    """A latch with its evidence as text, and the form to review it where that is still owed."""

    latch: GateLatch
    evidence: str
    form: ReviewForm | None


@require_http_methods(["GET", "HEAD", "POST"])
@page("audit.view_policyset")
def governance(request: HttpRequest) -> HttpResponse:
    is_release = request.POST.get("do") == "release"
    release = ReleaseForm(request.POST if is_release else None, auto_id="release_%s")
    review = ReviewForm(request.POST if request.POST and not is_release else None)
    status = 200
    if request.method == "POST":
        form = release if is_release else review
        try:
            if form.is_valid():
                _act(request, form)
                return HttpResponseRedirect(reverse("audit:governance"))
            status = 400
        except ValidationFailed as failure:
            status = failure.http_status
            for problem in failure.errors:
                form.add_error(problem.field, problem.message)
        except VigilError as failure:
            status = failure.http_status
            form.add_error(None, failure.message)
    return _show(request, release, review, status)


def _act(request: HttpRequest, form: forms.Form) -> None:
    by = person(cast("User", request.user))
    match request.POST.get("do"):
        case "release":
            # What latched this machine a moment ago may not be on record yet.
            record_latch()
            rows = open_latches()
            if not rows:
                raise Conflict("The gate is open.")
            for row in rows:
                gate_release(row=row, by=by, reason=form.cleaned_data["reason"])
            messages.success(request, "The gate is open again. Review the cause below.")
        case "review":
            latch_review(row=_reviewed(request), by=by, review=form.cleaned_data["review"])
            messages.success(request, "The review is on record.")
        case _:
            raise NotFound


def _reviewed(request: HttpRequest) -> GateLatch:
    try:
        return GateLatch.objects.get(pk=UUID(request.POST.get("latch", "")))
    except (ValueError, GateLatch.DoesNotExist) as error:
        raise NotFound from error


def _show(
    request: HttpRequest, release: ReleaseForm, review: ReviewForm, status: int
) -> HttpResponse:
    user = cast("User", request.user)
    stopped, here, rows = selectors.stopped_by_axioms(), latch.closed(), open_latches()
    axioms, (_text, policy_digest) = AXIOMS.read_bytes(), policy.active()
    context = {
        **admin.site.each_context(request),
        "title": "The gate",
        "laws": [(law, _axioms(law, stopped)) for law in LAWS],
        "stopped": stopped,
        "axioms_digest": hashlib.sha256(axioms).hexdigest(),
        "are_axioms_shipped": hashlib.sha256(axioms).hexdigest() == PINNED,
        "policy": selectors.policy_active(),
        "policy_digest": policy_digest,
        "here": here,
        "open_latches": rows,
        "is_latched": bool(rows or here),
        "problems": verification(),
        "release": release,
        "may_release": user.has_perm(RELEASE),
        "past": _past(user, review, request.POST.get("latch", "")),
    }
    return TemplateResponse(request, "audit/governance.html", context, status=status)


def _axioms(law: Law, stopped: selectors.Counted) -> list[tuple[str, str, int]]:
    return [(name, says, stopped.counts[name]) for name, says in law.axioms.items()]


def _past(user: User, review: ReviewForm, reviewed: str) -> list[Past]:
    if not user.has_perm("audit.view_gatelatch"):
        return []
    may_review = user.has_perm(RELEASE)
    return [
        Past(
            row,
            json.dumps(row.evidence, indent=2, ensure_ascii=False),
            _review_form(row, review, reviewed)
            if may_review and row.released_at and not row.review
            else None,
        )
        for row in selectors.latches()
    ]


def _review_form(row: GateLatch, review: ReviewForm, reviewed: str) -> ReviewForm:
    if str(row.pk) == reviewed:
        return review
    return ReviewForm(auto_id=f"review_{row.pk}_%s")
