"""Lets a request in, has it wait, or refuses it: before session, database and view.

In this order: the size it announces, memory and processor, its caller's rate, a place. Fails open
wherever it does not know: the cache away, the load not looked at, an incident not looked up.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal import failures
from portal.lib import uploads
from portal.lib.errors import PayloadTooLarge, RateLimitExceeded
from portal.limits import callers, shedding
from portal.limits.board import Board
from portal.limits.classify import Class, classify
from portal.limits.giving_way import giving_way
from portal.limits.load import load
from portal.limits.places import NoPlace, Places, Ticket
from portal.limits.rates import rates
from portal.limits.table import BODY, RETRY_AFTER, WITH_FILES, Priority

# Alertmanager drops what is answered with 429, and sends again what is answered with 503.
ALERTMANAGER = "/api/v1/ingest/alertmanager"
UNDER_LOAD = "System under heavy load. Please retry."

board = Board()
places = Places(board)


class TooMany(RateLimitExceeded):
    """`reason` is one of `shedding.REASONS`."""

    def __init__(self, reason: str, *, retry_after: int = RETRY_AFTER) -> None:
        self.reason = reason
        super().__init__("" if reason == "rate" else UNDER_LOAD, retry_after=retry_after)


class TooManyForAlertmanager(TooMany):
    http_status = 503


class LimitsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = str(request.META.get("CONTENT_LENGTH") or "0")
        brought = callers.credential(request)
        has_files = brought and WITH_FILES.fullmatch(request.path_info)
        limit = uploads.most() if has_files else BODY
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):  # noqa: PLR2004 - digits
            return failures.respond(request, PayloadTooLarge(limit))
        asked = classify(request, is_anonymous=not brought)
        if asked is None:
            return self.get_response(request)
        try:
            ticket = _admitted(request, asked, brought)
        except TooMany as refused:
            shedding.note(refused.reason, asked.priority)
            response = _refusal(request, refused)
            response.headers["X-Vigil-Shed"] = refused.reason
            # Neither a line of Django's for each of them.
            response._has_been_logged = True  # type: ignore[attr-defined] # Django's own
            return response
        try:
            with giving_way(board, asked.priority):
                response = self.get_response(request)
        finally:
            places.leave(ticket)
        if brought and (name := callers.proven(request)):
            callers.known.learn(brought, name)
        return response


def _admitted(request: HttpRequest, asked: Class, brought: str) -> Ticket:
    refusal = TooMany
    if request.path_info.startswith(ALERTMANAGER):
        refusal = TooManyForAlertmanager
    # Before the cache is asked: nothing is cheaper, and this is when it counts.
    if asked.priority < Priority.HIGH and (short := load.short_of):
        raise refusal(short)
    name = callers.known.name(brought) if brought else ""
    who = name or brought or callers.address(request)
    waits = [rates().wait(asked.rate, who)]
    if brought and not name:
        waits.append(rates().wait("unknown", callers.address(request)))
    if any(waits):
        raise refusal("rate", retry_after=max(waits))
    try:
        return places.enter(who, asked.priority)
    except NoPlace as full:
        raise refusal(full.reason) from full


def _refusal(request: HttpRequest, error: TooMany) -> HttpResponse:
    """Beside what was typed, where a script sent a form; as for every other failure elsewhere."""
    if request.method != "POST" or request.headers.get("HX-Request") != "true":
        return failures.respond(request, error)
    response = render(request, "incidents/refusal.html", {"error": error}, status=error.http_status)
    response.error_code = error.error_code  # type: ignore[attr-defined] # for who counts failures
    response.headers["X-Vigil-Fragment"] = "refusal"
    response.headers["Retry-After"] = str(error.retry_after)
    response.headers["Cache-Control"] = "no-store"
    return response
