"""One event of the audit viewer: its entry, what it changed, where it stands. Nothing here writes."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from audit import selectors
from audit.ledger.keys import verifier_key
from audit.pages.access import page
from audit.replay import replay_entry
from audit.row_history import Revision, event_revisions
from audit.why import obstacles
from audit.wording import did, who


@require_safe
@page("audit.view_event")
def event_detail(request: HttpRequest, number: int) -> HttpResponse:
    event = selectors.event_get(number)
    entry = selectors.entry_of(event)
    changes, change_count = selectors.changes_of(event, entry)
    context = {
        **admin.site.each_context(request),
        "title": f"Event {event.pk}",
        "subtitle": event.event,
        "said": f"{who(entry)} {did(entry)}",
        "event": event,
        "entry": entry,
        "data": [
            (name.replace("_", " ").capitalize(), selectors.in_words(value))
            for name, value in entry["data"].items()
            if name != "asked"
        ],
        "asked": _asked(entry["data"].get("asked")),
        "obstacles": obstacles(entry),
        "may_replay": bool(entry["votes"] and entry["data"].get("asked")),
        "replayed": replay_entry(entry) if "replay" in request.GET else None,
        "pretty": json.dumps(entry, indent=2, ensure_ascii=False),
        "changes": changes,
        "change_count": change_count,
        "revisions": [
            (revision, _history(request, revision))
            for revision in event_revisions(event, {change.table for change in changes})
        ],
        "place": selectors.place_of(event),
        "is_intact": selectors.is_intact(event),
        "leaf_hash": bytes(event.leaf_hash).hex(),
        "entry_size": len(bytes(event.entry)),
        "proof": reverse("audit-event-proof", args=[event.pk]),
        "verifier_key": verifier_key(),
    }
    return TemplateResponse(request, "audit/event_detail.html", context)


@require_safe
@page("audit.view_event")
def event_entry(_request: HttpRequest, number: int) -> HttpResponse:
    """The exact canonical bytes that the leaf hash is of."""
    event = selectors.event_get(number)
    return _download(bytes(event.entry), f"event-{event.pk}.json")


@require_safe
@page("audit.view_event")
def event_changes(_request: HttpRequest, number: int) -> HttpResponse:
    event = selectors.event_get(number)
    return _download(selectors.changes_listing(event), f"event-{event.pk}-changes.json")


def _history(request: HttpRequest, revision: Revision) -> str:
    """The page with all revisions of the row, where there is one that this reader may see."""
    meta = revision.model._meta if revision.model else None
    if meta is None or not request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
        return ""
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_history", args=[revision.pk])
    except NoReverseMatch:
        return ""


def _asked(asked: dict[str, Any] | None) -> list[tuple[str, str]]:
    """All that the rules could ask about. Older entries do not hold it."""
    if asked is None:
        return []
    return [
        (name.replace("_", " ").capitalize(), selectors.in_words(asked[name]))
        for name in ("principal", "resource", "context")
        if name in asked
    ]


def _download(content: bytes, filename: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "private, no-store"
    return response
