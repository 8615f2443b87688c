"""While the database is away, what only reads is answered from the replica, and says so.

What is left out of that, and why: health and metrics look at the database itself; a ping is a
change; nobody signs in, since that must go on record. Everything that needs a record of itself is
refused by `audit.governed`, and what would change anything by the replica.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse

from portal.database import replica
from portal.lib import read_only
from portal.lib.read_only import Reading, ReadOnly
from portal.lib.resilience.breaker import CLOSED, circuit

GetResponse = Callable[[HttpRequest], HttpResponseBase]

HEADER = "X-Vigil-Read-Only"
SAFE = {"GET", "HEAD", "OPTIONS"}
PUBLIC = ("/status",)
NEVER = ("/health/", "/metrics", "/ping/", *PUBLIC)
SIGN_IN = ("/login/", "/sign-in/")


class ReadOnlyMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(PUBLIC):
            # They know nobody, so that nobody's session is looked up for them.
            request.COOKIES = {}
        if not _reads_replica(request):
            return self.get_response(request)
        with replica.instead_of_primary() as read:
            if request.path_info.startswith(SIGN_IN):
                raise ReadOnly("Nobody can sign in while the database is away.")
            # Whoever asks again for a page from before must be told, too.
            request.META.pop("HTTP_IF_NONE_MATCH", None)
            request.__dict__.pop("headers", None)
            response = self.get_response(request)
            response.headers[HEADER] = describe(read)
            _tell_open_page(request, response)
            return response


def _reads_replica(request: HttpRequest) -> bool:
    breaker = circuit("database")
    return (
        replica.is_configured()
        and breaker is not None
        and breaker.state != CLOSED
        and request.method in SAFE
        and not request.path_info.startswith(NEVER)
    )


def describe(read: Reading) -> str:
    """`since=2026-02-12T18:30:04Z; as-of=2026-02-12T18:30:00Z; behind=4`"""
    since, as_of = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (read.since, read.as_of))
    return f"since={since}; as-of={as_of}; behind={round(read.behind.total_seconds())}"


def _tell_open_page(request: HttpRequest, response: HttpResponseBase) -> None:
    """A page that was open before polls for parts of itself: the banner comes along with them."""
    if (
        request.headers.get("HX-Request")
        and request.path_info != reverse("read-only")
        and isinstance(response, HttpResponse)
        and response.status_code == 200  # noqa: PLR2004
        and response.headers.get("Content-Type", "").startswith("text/html")
    ):
        response.content += render_to_string(
            "read_only/banner.html", {"is_beside": True, "reading": read_only.current()}
        ).encode()
        if "Content-Length" in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
