"""For anybody: they ask no database, and know nobody."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from portal.status.snapshot import Snapshot, shown

CACHED = "public, max-age=10"


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return _public(render(request, "status/page.html", {"snapshot": shown()}))


@require_safe
def as_json(_request: HttpRequest) -> HttpResponse:
    snapshot = shown()
    return _public(
        JsonResponse(
            {
                "status": snapshot.state,
                "as_of": snapshot.taken_at.isoformat(),
                "is_stale": snapshot.is_stale,
                "incidents": [
                    {
                        "number": each.number,
                        "service": each.service,
                        "status": each.status,
                        "since": each.since.isoformat(),
                    }
                    for each in snapshot.incidents
                ],
            }
        )
    )


@require_safe
def as_atom(_request: HttpRequest) -> HttpResponse:
    return _public(HttpResponse(_feed(shown()), content_type="application/atom+xml; charset=utf-8"))


def _feed(snapshot: Snapshot) -> str:
    link = f"{settings.ORIGIN}/status/"
    feed = Atom1Feed(
        f"Status: {snapshot.state}", link, "", feed_url=f"{settings.ORIGIN}/status.atom"
    )
    for each in snapshot.incidents:
        feed.add_item(
            f"{each.service or 'Incident'}: {each.status}",
            link,
            f"{each.status}, since {each.since:%Y-%m-%d %H:%M} UTC",
            pubdate=each.since,
            updateddate=snapshot.taken_at,
            unique_id=f"{settings.ORIGIN}/status/#{each.number}-{each.status.lower()}",
        )
    return feed.writeString("utf-8")


def _public(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = CACHED
    return response
