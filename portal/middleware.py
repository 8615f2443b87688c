import zoneinfo
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone

from audit.attempts import note, noted_within
from audit.gate import moment
from audit.journal.outage import DATABASE
from audit.models import User
from audit.second_factor.session import confirmed_at
from audit.sessions import address_of
from portal import failures
from portal.counting import METHODS
from portal.lib import envelope, spans
from portal.lib.errors import DbUnavailable
from portal.lib.resilience import deadline
from portal.lib.trace import start_trace

GetResponse = Callable[[HttpRequest], HttpResponse]


# What is asked for every few seconds, or is a file, would bury the rest.
UNTRACED = ("/health/", "/metrics", "/static/")


class TraceMiddleware:
    """Gives every request its trace id, says it in the response.

    Where traces are exported it is a span, named by the route: a path may name an incident."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        traceparent = request.headers.get("traceparent", "")
        trace_id = start_trace(traceparent)
        with self._span(request, traceparent) as span:
            response = self.get_response(request)
            if spans.is_on():
                _describe(span, request, response)
        response.headers["X-Trace-Id"] = trace_id
        return response

    def _span(self, request: HttpRequest, traceparent: str) -> AbstractContextManager[spans.Span]:
        if request.path_info.startswith(UNTRACED):
            return spans.NOWHERE
        method = _method(request)
        attributes = {"http.request.method": method}
        return spans.span(spans.Kind.SERVER, method, attributes, parent=traceparent)


def _method(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else "OTHER"


def _describe(span: spans.Span, request: HttpRequest, response: HttpResponse) -> None:
    found: dict[str, str | int] = {"http.response.status_code": response.status_code}
    if request.resolver_match:
        found["http.route"] = f"/{request.resolver_match.route}"
        span.rename(f"{_method(request)} {found['http.route']}")
    span.note(found)
    error_code = getattr(response, "error_code", "")
    if error_code:
        span.note({"vigil.error_code": error_code})
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(error_code or str(response.status_code))


class StatelessMiddleware:
    """Health checks and metrics know nobody: a browser's session cookie would cost them a question to
    the database, which may be what they are to tell of."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/health/") or request.path_info == "/metrics":
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return self.get_response(request)


class DeadlineMiddleware:
    """A page has 60 s, a call of the API 30 s; what it calls has no more than is left of them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_api = request.path_info.startswith(envelope.ENVELOPE_PATHS)
        with deadline.within(deadline.API_CALL if is_api else deadline.REQUEST, is_request=True):
            return self.get_response(request)


class UnreachableMiddleware:
    """Puts on the journal what the database's absence refused before anything governed was asked
    for: the outage is reviewed afterwards by it. By its route, since a path may name an incident."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with noted_within() as noted:
            response = self.get_response(request)
        failure = getattr(response, "error_code", "")
        if failure == DbUnavailable.error_code and not noted:
            action = f"{request.method} /{_route(request)}"
            note(DATABASE, DbUnavailable(), actor="", action=action, target="")
        return response


def _route(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).route
    except Resolver404:
        return ""


class ContentSecurityPolicyMiddleware:
    """Nothing from elsewhere. Alpine, in Unfold's pages, evaluates expressions: `unsafe-eval`."""

    POLICY = (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self';"
        " frame-ancestors 'none'"
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.POLICY)
        return response


class TimeZoneMiddleware:
    """Pages show times in the viewer's own zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The session is read only where a cookie came along, so that health checks need no database.
        if request.COOKIES.get("sessionid") and isinstance(request.user, User):
            with timezone.override(zoneinfo.ZoneInfo(request.user.time_zone)):
                return self.get_response(request)
        return self.get_response(request)


class CallerMiddleware:
    """Tells the gate's rules where the request comes from, and whether its session has a second
    factor."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        caller = moment.Caller(address=address_of(request), second_factor_at=confirmed_at(request))
        with moment.called_by(caller):
            return self.get_response(request)


class FailureMiddleware:
    """The last resort for what a view raises: the envelope for programs, a page for people."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return failures.render(request, exception)
