"""What a request is worth, by its path alone: nothing is read for it."""

from dataclasses import dataclass

from django.http import HttpRequest

from portal.limits.incidents import incidents
from portal.limits.table import EXEMPT, ROUTES, Priority, Route


@dataclass(frozen=True, slots=True)
class Class:
    """`rate` is the allowance that it counts against."""

    priority: Priority
    rate: str


_SEARCHES = {"q", "text", "search"}


def classify(request: HttpRequest, *, is_anonymous: bool) -> Class | None:
    """None for what is never limited."""
    path, method = request.path_info, str(request.method)
    if EXEMPT.match(path):
        return None
    route, number = _route_of(path, method)
    priority, rate = route.priority, route.rate
    if route.of_incident and (urgent := _by_severity(incidents.severity(number), method)):
        priority, rate = urgent, "urgent"
    if priority is Priority.READ:
        if request.headers.get("HX-Trigger") == "poll":
            rate = "live"
        elif _SEARCHES & request.GET.keys():
            priority = Priority.BULK
    if is_anonymous:
        # Whoever has shown nothing has no claim before those who did.
        rate = "anonymous"
        priority = priority if route.is_open else min(priority, Priority.READ)
    return Class(priority, rate)


def _route_of(path: str, method: str) -> tuple[Route, int]:
    for route in ROUTES:
        if (not route.methods or method in route.methods.split()) and (
            found := route.path.match(path)
        ):
            number = found.groupdict().get("incident")
            return route, int(number[:18]) if number else 0
    # An unknown method, which is about to be refused.
    return ROUTES[-1], 0


def _by_severity(severity: str, method: str) -> Priority | None:
    is_change = method not in {"GET", "HEAD", "OPTIONS"}
    match severity:
        case "P0":
            return Priority.CRITICAL if is_change else Priority.HIGH
        case "P1":
            return Priority.HIGH
    return None
