"""What is limited, and who gives way first: the numbers and routes that code, pages and docs read."""

import re
from dataclasses import dataclass
from enum import IntEnum

from django.conf import settings

MIB = 1024 * 1024
# Of a pod: one group of web processes, which share these however many they are.
IN_FLIGHT = 50
WAITING = 100
# Of those that wait below `HIGH`, how many may be one caller's; above it may be half of all.
WAITING_EACH = 10
BODY = 10 * MIB
# What brings files along may be larger, from who has shown a credential.
WITH_FILES = re.compile(r"/(?:api/v1/incidents/[\w-]+/timeline/|incidents/[\w-]+/timeline/add/)")
MEMORY = 2 * 1024 * MIB
MEMORY_SHED = 0.90
CORES = 2
CPU_SHED = 0.80
# On a machine that is that full, of which other processes may have the most: above this part.
CPU_PART = 0.40
RETRY_AFTER = 60


class Priority(IntEnum):
    """Lowest first, which is the order of shedding. Below `HIGH` gives way when memory or processor
    are short."""

    BULK = 10
    READ = 20
    NORMAL = 30
    HIGH = 40
    CRITICAL = 50

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Lane:
    """`places` may be taken at once by this priority and all below it, so that the rest of the pod's
    are kept for what is above. Who finds none waits up to `wait` seconds."""

    what: str
    places: int
    wait: float


LANES: dict[Priority, Lane] = {
    Priority.CRITICAL: Lane("alerts in; acting on an open P0 incident", IN_FLIGHT, 10.0),
    Priority.HIGH: Lane(
        "acting on an open P1 incident; the page of either; sign-in; governance", 40, 10.0
    ),
    Priority.NORMAL: Lane("every other change", 12, 5.0),
    Priority.READ: Lane("reading, and pages that keep themselves up to date", 4, 2.0),
    Priority.BULK: Lane("exports, searches, proofs, the log's tiles, documentation", 2, 2.0),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many a minute, for each of `whose`."""

    name: str
    what: str
    whose: str
    per_minute: int


PER_USER = settings.REQUESTS_PER_MINUTE
RATES: dict[str, Rate] = {
    rate.name: rate
    for rate in (
        Rate("requests", "pages and calls of the API", "person or token", PER_USER),
        # A page asks every 3 s: six open pages, and what each asks for at once after a change.
        Rate("live", "pages that keep themselves up to date", "person", PER_USER * 2),
        # Beside the rest: who has read too much can still act.
        Rate("urgent", "acting on an open P0 or P1 incident", "person or token", PER_USER),
        # Each may carry a thousand alerts.
        Rate("alerts", "alerts in", "token", PER_USER * 6),
        Rate("anonymous", "requests without session or token", "address", PER_USER),
        # Whole offices share an address; one request of each session counts here.
        Rate("unknown", "sessions and tokens not seen before", "address", PER_USER * 6),
    )
}


@dataclass(frozen=True, slots=True)
class Route:
    """The first that fits counts. `of_incident`: the path's incident decides, once it is open and P0
    or P1; `rate` is what it counts as."""

    methods: str
    path: re.Pattern[str]
    priority: Priority
    rate: str = "requests"
    of_incident: bool = False
    is_open: bool = False  # to whoever has no session or token


def _route(
    methods: str, path: str, priority: Priority, rate: str = "requests", **more: bool
) -> Route:
    return Route(methods, re.compile(path), priority, rate, **more)


CHANGES, READS, ANY = "POST PUT PATCH DELETE", "GET HEAD OPTIONS", ""
_API_INCIDENT = r"^/api/v1/incidents/(?:INC-)?(?P<incident>\d+)/"
_INCIDENT = r"^/incidents/(?:INC-)?(?P<incident>\d+)/"
# Neither counted nor shed: whoever looks whether Vigil lives must learn it then of all times.
EXEMPT = re.compile(
    r"^/(?:health/(?:live|ready|system)|metrics|status(?:/|\.json|\.atom)|static/.*|favicon\.ico)$"
)
ROUTES: tuple[Route, ...] = (
    _route(CHANGES, r"^/api/v1/(?:alerts|ingest)(?:/|$)", Priority.CRITICAL, "alerts"),
    _route(CHANGES, r"^/(?:v1/logs|v2/)", Priority.CRITICAL, "alerts"),
    _route(CHANGES, _API_INCIDENT, Priority.NORMAL, of_incident=True),
    _route(CHANGES, _INCIDENT, Priority.NORMAL, of_incident=True),
    _route(READS, _INCIDENT + r"live/$", Priority.READ, "live"),
    _route(READS, r"^/incidents/live/$", Priority.READ, "live"),
    _route(READS, _INCIDENT, Priority.READ, of_incident=True),
    _route(ANY, r"^/(?:login|logout|sign-in|account)(?:/|$)", Priority.HIGH, is_open=True),
    _route(ANY, r"^/(?:governance|approvals|system)/", Priority.HIGH),
    _route(CHANGES, r"^/api/v1/audit/approvals/", Priority.HIGH),
    # Buttons in Slack, which waits three seconds; the signature says whose they are.
    _route(CHANGES, r"^/slack/interactions$", Priority.HIGH, is_open=True),
    # Another log's witness answers within the signer's patience.
    _route(CHANGES, r"^/witness/", Priority.NORMAL, is_open=True),
    _route(ANY, r"^/api/(?:schema|docs)/", Priority.BULK),
    _route(ANY, r"^/(?:api/v1/)?audit/export/", Priority.BULK),
    _route(ANY, r"^/api/v1/audit/events/\d+/proof/", Priority.BULK),
    _route(ANY, r"^/(?:search|autocomplete|ledger/tile)/", Priority.BULK),
    _route(CHANGES, r"^/", Priority.NORMAL),
    _route(ANY, r"^/", Priority.READ),
)
