"""What waits for other people's approval: the inbox, and one request with what exactly would run."""

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminTextareaWidget

from audit.approvals import selectors, wording
from audit.approvals.arguments import digest
from audit.approvals.execution import may_run
from audit.approvals.services import approval_deny, approval_give, approval_withdraw
from audit.approvals.visibility import DECIDE
from audit.models import ApprovalRequest, User
from audit.pages.access import page
from audit.principal import person
from portal.lib.errors import FieldError, NotFound, ValidationFailed, VigilError

State = ApprovalRequest.State
SHOWS = {"waiting": "Waiting", "mine": "Asked by me", "decided": "Decided"}
SAID = {
    State.PENDING: (messages.SUCCESS, "Your approval is on record. It waits for more."),
    State.EXECUTED: (messages.SUCCESS, "Done: it was approved, and it has run."),
    State.DENIED: (messages.SUCCESS, "Declined. It does not run."),
    State.WITHDRAWN: (messages.SUCCESS, "Withdrawn. It does not run."),
    State.FAILED: (messages.WARNING, "It was approved, but it could not be done: see the outcome."),
    State.EXPIRED: (messages.WARNING, "It has expired."),
}


class AnswerForm(forms.Form):
    reason = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Needed to decline. Whoever asked reads it.",
    )


def waiting_badge(request: HttpRequest) -> str:
    """How many wait for this person's own answer, for the sidebar; nothing where none does."""
    if not request.user.is_authenticated:
        return ""
    count = selectors.count_to_decide(request.user)
    if count >= selectors.MOST_WAITING:
        return f"{selectors.MOST_WAITING - 1}+"
    return str(count or "")


@require_safe
@page()
def approval_list(request: HttpRequest) -> HttpResponse:
    """What one may decide, one's own, and what has been decided."""
    user, show = cast("User", request.user), request.GET.get("show", "waiting")
    if show not in SHOWS:
        raise NotFound
    context = {
        **admin.site.each_context(request),
        "title": "Approvals",
        "show": show,
        "shows": [(name, label, f"?{urlencode({'show': name})}") for name, label in SHOWS.items()],
        "is_approver": user.has_perm(DECIDE),
        **(_waiting(user) if show == "waiting" else _older(request, user, show)),
    }
    return TemplateResponse(request, "audit/approval_list.html", context)


def _waiting(user: User) -> dict[str, Any]:
    mine_to_decide = selectors.approvals_to_decide(user)
    others = {asked.pk for asked in mine_to_decide}
    waiting = selectors.approvals_waiting(user)
    return {
        "to_decide": _rows(mine_to_decide),
        "waiting": _rows([asked for asked in waiting if asked.pk not in others]),
        "is_cut": selectors.MOST_WAITING in {len(mine_to_decide), len(waiting)},
        "most_waiting": selectors.MOST_WAITING,
    }


def _older(request: HttpRequest, user: User, show: str) -> dict[str, Any]:
    find = selectors.approvals_mine if show == "mine" else selectors.approvals_settled
    found = find(user, before=_key(request.GET.get("before", "")))
    older = f"?{urlencode({'show': show, 'before': str(found.older)})}" if found.older else ""
    return {"found": _rows(found.requests), "older": older, "is_later": "before" in request.GET}


def _key(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise ValidationFailed([FieldError("before", "is no request")]) from error


def _rows(requests: list[ApprovalRequest]) -> list[dict[str, Any]]:
    return [
        {
            "asked": asked,
            "state": selectors.state_of(asked),
            "doing": wording.doing(asked.action),
            "target": wording.target_in_words(asked.target),
        }
        for asked in requests
    ]


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
        "subtitle": wording.doing(asked.action),
        "asked": asked,
        "doing": wording.doing(asked.action),
        "target": wording.target_in_words(asked.target),
        "state": state,
        "lines": wording.lines(asked),
        "is_intact": digest(asked.service, asked.arguments) == asked.arguments_sha256,
        "answers": answers,
        "given": sum(answer.is_approved for answer in answers),
        "form": form,
        "is_waiting": is_waiting,
        "has_answered": has_answered,
        "may_decide": is_waiting and user.has_perm(DECIDE) and not is_own and not has_answered,
        "may_run": is_waiting and has_answered and may_run(asked, user),
        "may_withdraw": is_waiting and is_own,
    }
    status = failure.http_status if failure else 200 if not form.errors else 400
    return TemplateResponse(request, "audit/approval_detail.html", context, status=status)
