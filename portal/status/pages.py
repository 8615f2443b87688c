"""For anybody: they ask no database, and know nobody."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from incidents.publishing import UNPRINTABLE
from incidents.selectors.public_status import Published
from portal.status.snapshot import Snapshot, shown

CACHED = "public, max-age=10"


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    snapshot = shown()
    context = {"snapshot": snapshot, "told": snapshot.told}
    return _public(render(request, "status/page.html", context))


@require_safe
def as_json(_request: HttpRequest) -> HttpResponse:
    snapshot = shown()
    told = snapshot.told
    return _public(
        JsonResponse(
            {
                "status": told.state,
                "as_of": snapshot.taken_at.isoformat(),
                "is_stale": snapshot.is_stale,
                "services": [{"name": each.name, "status": each.status} for each in told.services],
                "incidents": [_incident(each) for each in told.incidents],
                "past": [_incident(each) for each in told.past],
            }
        )
    )


def _incident(each: Published) -> dict[str, Any]:
    return {
        "number": each.number,
        "service": each.service,
        "status": each.status,
        "since": each.since.isoformat(),
        "updates": [
            {"status": update.status, "text": update.text, "at": update.at.isoformat()}
            for update in each.updates
        ],
    }


@require_safe
def as_atom(_request: HttpRequest) -> HttpResponse:
    return _public(HttpResponse(_feed(shown()), content_type="application/atom+xml; charset=utf-8"))


def _feed(snapshot: Snapshot) -> str:
    """One entry for each update, the newest first. Its id stays, and it never changes."""
    told, link = snapshot.told, f"{settings.ORIGIN}/status/"
    feed = Atom1Feed(
        f"Status: {told.state}",
        link,
        "",
        author_name="Status",
        feed_url=f"{settings.ORIGIN}/status.atom",
    )
    entries = [(each, update) for each in (*told.incidents, *told.past) for update in each.updates]
    for each, update in sorted(entries, key=lambda entry: entry[1].id, reverse=True):
        feed.add_item(
            UNPRINTABLE.sub("", f"{each.service or each.number}: {update.status}"),
            f"{link}#{each.number}",
            UNPRINTABLE.sub("", update.text),
            pubdate=update.at,
            updateddate=update.at,
            unique_id=f"{link}#{each.number}-{update.id}",
        )
    return feed.writeString("utf-8")


def _public(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = CACHED
    return response
