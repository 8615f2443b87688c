"""What a person or a program sees of a failure: a page, or the envelope. Needs no database."""

import sys
from http import HTTPStatus

from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from audit.second_factor.session import way_to_confirm
from portal.database import replica
from portal.lib import envelope
from portal.lib.errors import DbUnavailable, InternalError, NotFound, VigilError
from portal.lib.read_only import ReadOnly
from portal.lib.trace import trace_id


def render(request: HttpRequest, exception: BaseException) -> HttpResponse:
    return respond(request, envelope.from_exception(exception))


def respond(request: HttpRequest, error: VigilError) -> HttpResponse:
    if envelope.wants_envelope(request):
        return envelope.response(error, trace_id(), path=request.path_info)
    if isinstance(error, DbUnavailable) and request.path_info == reverse("system"):
        # Who looks after the system gets what is known without the database.
        return HttpResponseRedirect(reverse("health-system"))
    page = render_to_string(
        "failure.html",
        {
            "error": error,
            "reason": HTTPStatus(error.http_status).phrase,
            "trace_id": trace_id(),
            "way": way_to_confirm(request) if getattr(error, "needs", "") else "",
            "is_database": isinstance(error, DbUnavailable),
            "is_read_only": isinstance(error, ReadOnly),
            "has_replica": replica.is_configured(),
            # Sending a form again is for the person to decide.
            "tries_again": error.retry_after is not None and request.method == "GET",
        },
    )
    response = HttpResponse(page, status=error.http_status)
    response.error_code = error.error_code  # type: ignore[attr-defined] # for who counts failures
    response["Cache-Control"] = "no-store"
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


@csrf_exempt
def nothing_here(_request: HttpRequest) -> HttpResponse:
    """For programs: the site's own last view would ask them to sign in."""
    raise NotFound


# Django's own handlers, for what never reaches a view.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, SuspiciousOperation(exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, exception)


def not_found(request: HttpRequest, _exception: Exception) -> HttpResponse:
    return render(request, Http404())


def server_error(request: HttpRequest) -> HttpResponse:
    """Also for what a middleware raises, such as the session's when the database is away: Django
    asks for this page while it handles the exception."""
    raised = sys.exception()
    return render(request, raised) if raised else respond(request, InternalError())
