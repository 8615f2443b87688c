"""What works, what does not and why, and what to do about it.

Sessions are in the database, so without it, and without a replica to read, nobody can be let in: whoever asks for this page then is
sent to the one in `public`, and `manage.py system` tells the rest.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminTextareaWidget

from audit.pages.access import page
from audit.pages.confirm import confirm_page
from audit.principal import person
from portal import probes
from portal.lib.errors import ValidationFailed, VigilError
from portal.lib.resilience.breaker import CLOSED, Change, circuit
from portal.lib.resilience.bulkhead import bulkhead
from portal.lib.resilience.latency import Service
from portal.lib.resilience.policies import POLICIES, Policy
from portal.limits import standing
from portal.system.breakers import breaker_close, closable, resource
from portal.system.health import health
from portal.system.measures import ago, figures, memory_used
from portal.watchdog import State

if TYPE_CHECKING:
    from audit.models import User

VIEW, FORCE = "portal.view_systemhealth", "portal.close_breaker"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Why it should be tried again now",
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One dependency as the page shows it."""

    policy: Policy
    state: str
    failures: int
    taken: int
    history: list[Change]
    service: Service | None
    may_close: bool

    @property
    def is_met(self) -> bool:
        """Whether the objective was, in the last hour."""
        share = self.service.share if self.service else None
        return share is None or share >= self.policy.objective

    @property
    def attempts(self) -> str:
        """`2, of 10 and 15 s, after 0 and 2 s`."""
        timeouts, delays = (
            " and ".join(f"{each:g}" for each in seconds)
            for seconds in (self.policy.timeouts, self.policy.delays)
        )
        later = f", after {delays} s" if self.policy.attempts > 1 else ""
        return f"{self.policy.attempts}, of {timeouts} s{later}"

    @property
    def wanted(self) -> str:
        return f"{self.policy.objective * 100:g} %"


@require_safe
@page(VIEW)
def system(request: HttpRequest) -> HttpResponse:
    known = health(figures())
    may_close = cast("User", request.user).has_perm(FORCE)
    context = {
        "known": known,
        "failing": State.FAILING,
        "disk": probes.disk(settings.VAR.var),
        "memory_used": memory_used(),
        "beat_ago": ago(known.beat_at) if known.beat_at else None,
        "limits": standing.standing(),
    }
    if "HX-Request" in request.headers:
        return TemplateResponse(request, "system/live.html", context)
    rows = [_row(each, known.services.get(each.name), may_close) for each in _used()]
    context |= {**admin.site.each_context(request), "title": "System health", "rows": rows}
    return TemplateResponse(request, "system/health.html", context)


def _used() -> list[Policy]:
    """Without a replica or a collector that nobody configured."""
    unused = {"replica"} - settings.DATABASES.keys() | (
        set() if settings.TRACES else {"trace-collector"}
    )
    return [row for name, row in POLICIES.items() if name not in unused]


def _row(policy: Policy, service: Service | None, may_close: bool) -> Row:  # noqa: FBT001
    breaker = circuit(policy.name)
    state = breaker.state if breaker else ""
    return Row(
        policy,
        state,
        breaker.storage.counter if breaker else 0,
        bulkhead(policy.name).taken,
        breaker.history() if breaker else [],
        service,
        may_close and breaker is not None and breaker.breaker.is_shared and state != CLOSED,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page(FORCE)
def close(request: HttpRequest, name: str) -> HttpResponse:
    form = ReasonForm(request.POST or None)
    failure: VigilError | None = None
    title = closable(name).policy.title
    if request.method == "POST" and form.is_valid():
        by, reason = person(cast("User", request.user)), form.cleaned_data["reason"]
        try:
            breaker_close(breaker=resource(name), by=by, reason=reason)
        except ValidationFailed as invalid:
            form.add_error("reason", invalid.errors[0].message)
            failure = invalid
        except VigilError as refused:
            failure = refused
        else:
            messages.success(request, f"{title}: the breaker is closed. The next call tries it.")
            return HttpResponseRedirect(reverse("system"))
    return confirm_page(
        request,
        title=f"Close the breaker: {title}",
        text="Calls go through again at once, in every process. If they fail, it opens again.",
        button="Close the breaker",
        back=reverse("system"),
        form=form,
        failure=failure,
        is_dangerous=True,
    )
