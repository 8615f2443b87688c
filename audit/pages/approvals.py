"""What waits for other people's approval: the inbox, and one request with what exactly would run."""

from typing import cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminTextareaWidget

from audit import governance_selectors as selectors
from audit.approvals.arguments import digest
from audit.approvals.services import DECIDE, approval_deny, approval_give, approval_withdraw
from audit.models import ApprovalRequest, User
from audit.pages.access import page
from audit.principal import person
from portal.lib.errors import NotFound, ValidationFailed, VigilError

State = ApprovalRequest.State
SAID = {
    State.PENDING: (messages.SUCCESS, "Your approval is on record. It waits for more."),
    State.EXECUTED: (messages.SUCCESS, "Done: it was approved, and it has run."),
    State.DENIED: (messages.SUCCESS, "Denied. It does not run."),
    State.WITHDRAWN: (messages.SUCCESS, "Withdrawn. It does not run."),
    State.FAILED: (messages.WARNING, "It was approved, but it could not be done: see the outcome."),
    State.EXPIRED: (messages.WARNING, "It has expired."),
}


class AnswerForm(forms.Form):
    reason = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Needed to deny. Whoever asked reads it.",
    )


@require_safe
@page()
def approval_list(request: HttpRequest) -> HttpResponse:
    """What one may decide, and one's own."""
    user = cast("User", request.user)
    context = {
        **admin.site.each_context(request),
        "title": "Approvals",
        "waiting": selectors.approvals_waiting(user),
        "settled": [
            (asked, selectors.state_of(asked)) for asked in selectors.approvals_settled(user)
        ],
        "most_waiting": selectors.MOST_WAITING,
        "most_settled": selectors.MOST_SETTLED,
        "is_approver": user.has_perm(DECIDE),
    }
    return TemplateResponse(request, "audit/approval_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page()
def approval_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    asked = selectors.approval_get(cast("User", request.user), pk)
    form = AnswerForm(request.POST or None)
    failure: VigilError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            _answer(request, asked, form.cleaned_data["reason"])
        except ValidationFailed as error:
            failure = error
            for problem in error.errors:
                form.add_error("reason", problem.message)
        except VigilError as error:
            failure = error
            form.add_error(None, error.message)
        else:
            asked.refresh_from_db()
            level, text = SAID[State(asked.state)]
            messages.add_message(request, level, text)
            return HttpResponseRedirect(reverse("audit:approval-detail", args=[pk]))
        asked = selectors.approval_get(cast("User", request.user), pk)
    return _detail(request, asked, form, failure)


def _answer(request: HttpRequest, asked: ApprovalRequest, reason: str) -> None:
    by = person(cast("User", request.user))
    match request.POST.get("do"):
        case "approve":
            approval_give(asked=asked, by=by, reason=reason)
        case "deny":
            approval_deny(asked=asked, by=by, reason=reason)
        case "withdraw":
            approval_withdraw(asked=asked, by=by)
        case _:
            raise NotFound


def _detail(
    request: HttpRequest, asked: ApprovalRequest, form: AnswerForm, failure: VigilError | None
) -> HttpResponse:
    user, state = cast("User", request.user), selectors.state_of(asked)
    answers = sorted(asked.approvals.all(), key=lambda answer: answer.decided_at)
    is_waiting, is_own = state is State.PENDING, asked.requester_id == user.pk
    has_answered = any(answer.approver_id == user.pk for answer in answers)
    context = {
        **admin.site.each_context(request),
        "title": "Approval",
        "subtitle": asked.action,
        "asked": asked,
        "state": state,
        "arguments": [
            (name.replace("_", " ").capitalize(), selectors.argument_in_words(value))
            for name, value in asked.arguments.items()
        ],
        "is_intact": digest(asked.service, asked.arguments) == asked.arguments_sha256,
        "answers": answers,
        "given": sum(answer.is_approved for answer in answers),
        "form": form,
        "is_waiting": is_waiting,
        "has_answered": has_answered,
        "may_decide": is_waiting and user.has_perm(DECIDE) and not is_own and not has_answered,
        "may_withdraw": is_waiting and is_own,
    }
    status = failure.http_status if failure else 200 if not form.errors else 400
    return TemplateResponse(request, "audit/approval_detail.html", context, status=status)
