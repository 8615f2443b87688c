"""The audit viewer: every decision and change, for who holds `audit.view_event`.

That permission reads all of the record. Events of restricted incidents are in it too, for an
auditor from whom part of the record is hidden could not vouch for the rest. Nothing here writes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit import selectors
from audit.event_filters import EventFilter, is_tidy, parse_cursor, parse_filter
from audit.gate.types import Verdict
from audit.governed import ACTIONS
from audit.models import Event, User
from audit.pages.access import page
from audit.pages.addresses import LABELS, query
from audit.saved_views import BUILT_IN, views_of
from audit.search.find import unsearchable
from audit.wording import did, who
from portal.lib.errors import FieldError, ValidationFailed

PAGE_SIZE = 50
# Written by the gate itself, whatever was asked for.
REFUSALS = ("governance_denied", "governance_failure")
PERIODS = (("Last hour", "1h"), ("24 hours", "24h"), ("7 days", "7d"), ("30 days", "30d"))


@dataclass(frozen=True, slots=True)
class Row:
    event: Event
    who: str
    did: str
    summary: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved view as a link; `owner` is empty for what is one's own or came with the product."""

    name: str
    link: str
    is_on: bool
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that is on, and the address without it."""

    label: str
    value: str
    without: str


@require_safe
@page("audit.view_event")
def event_list(request: HttpRequest) -> HttpResponse:
    errors: list[FieldError] = []
    params = request.GET.dict()
    filters, found = EventFilter(), selectors.EventPage([], has_newer=False, has_older=False)
    try:
        filters = parse_filter(params, timezone.get_current_timezone())
        canonical = filters.to_params()
        if not is_tidy(params):
            # An instant that was typed is in the typist's zone; the address to share says which.
            return HttpResponseRedirect(f"{request.path}?{query(canonical)}")
        found = _page(filters, params)
    except ValidationFailed as failure:
        errors = failure.errors
        canonical = {}
    context = {
        **admin.site.each_context(request),
        "title": f"Everything about {filters.about}" if filters.about else "Audit viewer",
        "rows": [
            Row(event, who(entry), did(entry), selectors.summary(entry))
            for event in found.events
            for entry in [selectors.entry_of(event)]
        ],
        "unsearchable": unsearchable() if filters.is_search else 0,
        "views": _views(cast("User", request.user), canonical),
        "newer": _beside(canonical, "after", found.events[:1], is_there=found.has_newer),
        "older": _beside(canonical, "before", found.events[-1:], is_there=found.has_older),
        "is_newest": not found.has_newer,
        "newest": f"?{query(canonical)}",
        "filters": filters,
        "typed": params if errors else canonical,
        "since": _local(filters.since) if not errors else params.get("from", ""),
        "until": _local(filters.until) if not errors else params.get("to", ""),
        "errors": {error.field: error.message for error in errors},
        "chips": _chips(canonical, filters),
        "query": query(canonical),
        "periods": _periods(canonical),
        "withins": [within for _label, within in PERIODS],
        "events": sorted({action.event for action in ACTIONS.values()} | set(REFUSALS)),
        "actions": sorted(ACTIONS),
        "verdicts": list(Verdict),
        "zone": timezone.get_current_timezone_name(),
    }
    status = 400 if errors else 200
    return TemplateResponse(request, "audit/event_list.html", context, status=status)


def _page(filters: EventFilter, params: dict[str, str]) -> selectors.EventPage:
    cursor = parse_cursor(params)
    found = selectors.event_page(filters, cursor, limit=PAGE_SIZE)
    if cursor.after and not found.has_newer:
        # The newest page in full, rather than the few rows that came since.
        return selectors.event_page(filters, parse_cursor({}), limit=PAGE_SIZE)
    return found


def _beside(params: dict[str, str], name: str, edge: list[Event], *, is_there: bool) -> str:
    return f"?{query({**params, name: str(edge[0].pk)})}" if edge and is_there else ""


def _chips(params: dict[str, str], filters: EventFilter) -> list[Chip]:
    shown = {
        **params,
        "from": _local(filters.since).replace("T", " "),
        "to": _local(filters.until).replace("T", " "),
    }
    return [
        Chip(
            LABELS[name],
            shown[name],
            f"?{query({key: value for key, value in params.items() if key != name})}",
        )
        for name in params
    ]


def _periods(params: dict[str, str]) -> list[tuple[str, str]]:
    """Links to the same view within a while that ends now, whenever they are followed."""
    others = {k: v for k, v in params.items() if k not in {"from", "to", "within"}}
    return [(label, f"?{query({**others, 'within': within})}") for label, within in PERIODS]


def _views(user: User, params: dict[str, str]) -> list[Saved]:
    shipped = [
        Saved(view.name, f"?{query(view.params)}", view.params == params) for view in BUILT_IN
    ]
    return shipped + [
        Saved(
            view.name,
            f"?{query(view.params)}",
            view.params == params,
            "" if view.owner_id == user.pk else view.owner.username,
        )
        for view in views_of(user)
    ]


def _local(at: datetime | None) -> str:
    """As an HTML `datetime-local` input has it, in the viewer's zone."""
    return timezone.localtime(at).replace(tzinfo=None).isoformat() if at else ""
