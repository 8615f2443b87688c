"""The organisation's policy sets: their versions, the editor, the shadow run, activation.

Version 0 is the default that is shipped: it is read, and new drafts start from it.
"""

import difflib
import re
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from audit import governance_selectors as selectors
from audit.gate import policy, schema, statements
from audit.models import PolicySet, User
from audit.pages.access import page
from audit.policies import policy_activate, policy_draft, policy_validate, shadow_run
from audit.principal import person
from portal.lib.errors import ApprovalRequired, NotFound, ValidationFailed, VigilError

State = PolicySet.State
VIEW = "audit.view_policyset"
RUNS = (50, 500, 5000)
MOST_CHANGED = 100
AT_LINE = re.compile(r"line (\d+): (.*)", re.DOTALL)


class PolicyForm(forms.Form):
    title = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
    text = forms.CharField(
        label="Policies",
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 28,
                "wrap": "off",
                "spellcheck": "false",
                "class": "au-editor",
                "data-lines": "",
            }
        ),
    )

    def clean_text(self) -> str:
        """As it is kept and hashed: browsers send other line ends than were typed."""
        text: str = self.cleaned_data["text"]
        return text.replace("\r\n", "\n")


class ReasonForm(forms.Form):
    prefix = "activate"

    reason = forms.CharField(
        label="What changes, and why",
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the text, at which line, and how the lines around it read."""

    line: int | None
    around: list[tuple[int, str]]
    message: str


@require_safe
@page(VIEW)
def policy_list(request: HttpRequest) -> HttpResponse:
    user, versions = cast("User", request.user), selectors.policy_versions()
    context = {
        **admin.site.each_context(request),
        "title": "Policies",
        "versions": versions,
        "is_default_active": not any(row.state == State.ACTIVE for row in versions),
        "default_digest": policy.PINNED,
        "may_draft": user.has_perm("audit.add_policyset"),
    }
    return TemplateResponse(request, "audit/policy_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page("audit.add_policyset")
def policy_new(request: HttpRequest) -> HttpResponse:
    """A draft that starts from `?from=`, a version; without one, from what is active."""
    if request.method == "POST":
        return _edit(request, PolicySet())
    start = request.GET.get("from", "")
    text = (
        _version(int(start)).text if start.isdecimal() and start.isascii() else policy.active()[0]
    )
    return _editor(request, PolicySet(), PolicyForm(initial={"text": text}), None)


@require_http_methods(["GET", "HEAD", "POST"])
@page(VIEW)
def policy_detail(request: HttpRequest, version: int) -> HttpResponse:
    row = _version(version)
    if request.method == "POST":
        if version == 0:
            raise NotFound
        if request.POST.get("do") == "activate":
            return _activate(request, row)
        return _edit(request, row)
    user = cast("User", request.user)
    if row.state == State.DRAFT and user.has_perm("audit.add_policyset"):
        form = PolicyForm(initial={"title": row.title, "text": row.text})
        return _editor(request, row, form, None)
    return _read(request, row, ReasonForm(), None)


def _version(version: int) -> PolicySet:
    if version:
        return selectors.policy_get(version)
    is_active = selectors.policy_active() is None
    return PolicySet(
        version=0,
        title="The shipped default",
        text=policy.default_text(),
        digest=policy.PINNED,
        state=State.ACTIVE if is_active else State.RETIRED,
    )


def _edit(request: HttpRequest, row: PolicySet) -> HttpResponse:
    """Saves what was typed; validates it as well where that was asked for. A text that does not
    validate is saved as a draft all the same."""
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _editor(request, row, form, None, status=400)
    by = person(cast("User", request.user))
    try:
        row.title, row.text = form.cleaned_data["title"], form.cleaned_data["text"]
        policy_draft(draft=row, by=by)
        if request.POST.get("do") != "validate":
            messages.success(request, f"Saved as the draft of version {row.version}.")
        else:
            policy_validate(draft=row, by=by)
            messages.success(
                request,
                f"Version {row.version} is valid, and no longer changes."
                " A second person can activate it.",
            )
    except VigilError as failure:
        return _editor(request, row, form, failure)
    return HttpResponseRedirect(reverse("audit:policy-detail", args=[row.version]))


def _activate(request: HttpRequest, row: PolicySet) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _read(request, row, form, None, status=400)
    try:
        policy_activate(
            version=row, by=person(cast("User", request.user)), reason=form.cleaned_data["reason"]
        )
    except ApprovalRequired as waits:
        messages.info(request, waits.message)
        return HttpResponseRedirect(waits.approval)
    except ValidationFailed as failure:
        for problem in failure.errors:
            form.add_error("reason", problem.message)
        return _read(request, row, form, failure)
    except VigilError as failure:
        return _read(request, row, form, failure)
    messages.success(request, f"Version {row.version} holds from the next decision on.")
    return HttpResponseRedirect(reverse("audit:policy-detail", args=[row.version]))


def _editor(
    request: HttpRequest,
    row: PolicySet,
    form: PolicyForm,
    failure: VigilError | None,
    *,
    status: int = 200,
) -> HttpResponse:
    is_saved = not row._state.adding
    text = str(form["text"].value() or "").replace("\r\n", "\n")
    context = {
        **_about(request, row, text),
        "title": f"Draft of version {row.version}" if is_saved else "New policies",
        "is_saved": is_saved,
        "form": form,
        "may_validate": request.user.has_perm("audit.change_policyset"),
        "problems": _problems(text, failure),
        "outline": statements.outline(text),
        "failure": failure,
        "submit_to": reverse("audit:policy-detail", args=[row.version])
        if is_saved
        else reverse("audit:policy-new"),
    }
    status = failure.http_status if failure else status
    return TemplateResponse(request, "audit/policy_editor.html", context, status=status)


def _read(
    request: HttpRequest,
    row: PolicySet,
    form: ReasonForm,
    failure: VigilError | None,
    *,
    status: int = 200,
) -> HttpResponse:
    user = cast("User", request.user)
    is_author = row.author_id is not None and row.author_id == user.pk
    can_be = row.version > 0 and row.state in {State.VALIDATED, State.RETIRED}
    context = {
        **_about(request, row, row.text),
        "title": f"Version {row.version}",
        "subtitle": row.title,
        "lines": row.text.splitlines(),
        "outline": statements.outline(row.text),
        "form": form,
        "failure": failure,
        "is_author": is_author,
        "can_be_activated": can_be,
        "may_activate": can_be and not is_author and user.has_perm("audit.activate_policyset"),
        "may_draft": user.has_perm("audit.add_policyset"),
        "differences": _differences(row.text) if can_be or row.state == State.DRAFT else [],
    }
    status = failure.http_status if failure else status
    return TemplateResponse(request, "audit/policy_detail.html", context, status=status)


def _about(request: HttpRequest, row: PolicySet, text: str) -> dict[str, Any]:
    """What both pages of a version show, the shadow run among it."""
    last = request.GET.get("last", "")
    # It reads the record, which takes more than seeing the policies.
    may_try = request.user.has_perm("audit.view_event")
    return {
        **admin.site.each_context(request),
        "row": row,
        "runs": RUNS if may_try and row.version is not None else (),
        "shadow": _shadow(text, int(last))
        if may_try and last in {str(run) for run in RUNS}
        else None,
    }


def _shadow(text: str, last: int) -> dict[str, Any]:
    if errors := schema.validate(text):
        first = errors[0]
        return {"error": f"line {first.line}: {first.message}" if first.line else first.message}
    run = shadow_run(text, last=last)
    return {
        "last": last,
        "run": run,
        "count": len(run.changed),
        "counts": [(before, after, count) for (before, after), count in run.counts.most_common()],
        "changed": run.changed[:MOST_CHANGED],
    }


def _problems(text: str, failure: VigilError | None) -> list[Problem]:
    if not isinstance(failure, ValidationFailed):
        return []
    lines = text.split("\n")
    problems = []
    for error in failure.errors:
        found = AT_LINE.fullmatch(error.message)
        number = int(found[1]) if found else None
        around = [
            (at, lines[at - 1])
            for at in range((number or 0) - 1, (number or 0) + 2)
            if number and 1 <= at <= len(lines)
        ]
        problems.append(Problem(number, around, found[2] if found else error.message))
    return problems


def _differences(text: str) -> list[tuple[str, str]]:
    """Beside the text that holds now: each line with its sign, “@” for what is left out."""
    before, _digest = policy.active()
    diff = difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=2)
    return [("@", "…") if line[0] == "@" else (line[0], line[1:]) for line in list(diff)[2:]]
