"""What a page that is open asks now and then in read-only mode: whether that is over."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.lib import read_only


@require_safe
def banner(request: HttpRequest) -> HttpResponse:
    """Tells nothing that anybody may not know."""
    reading = read_only.current()
    response = render(request, "read_only/banner.html", {"reading": reading})
    if reading is None:
        response["HX-Refresh"] = "true"
    response["Cache-Control"] = "no-store"
    return response
