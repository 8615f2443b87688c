"""The record for programs. Reads are not gated, but they are permitted: a session, or a token that
acts for a person, needs that person's `audit.view_event`; a token needs the scope `audit:read` on
top, which alone suffices where it acts for nobody. As in the viewer, that reads all of the record.
"""

from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import selectors
from audit.api.access import ReadsRecord
from audit.api.schema import EventListSchema, EventSchema
from audit.event_filters import PATTERNS, parse_cursor, parse_filter, parse_limit
from audit.gate.types import Verdict
from audit.models import Event

LIMIT, MAX_LIMIT = 50, 200


def _parameter(name: str, kind: Any, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, description=description, **options)


PARAMETERS = [
    _parameter(
        "text",
        str,
        'Words of the entry, all of them; `or`, `-not` and `"a phrase"` work. Entries can be found by'
        " their words once they are in the log, some 50 ms after they are recorded.",
    ),
    _parameter(
        "about", str, "All that touches an object, like `incidents.incident:INC-7` or `user:ada`."
    ),
    _parameter("within", str, "The last while, like `90m`, `24h`, `7d`, in place of from and to."),
    _parameter("from", OpenApiTypes.DATETIME, "At or after this instant; UTC without an offset."),
    _parameter("to", OpenApiTypes.DATETIME, "Before this instant."),
    *(
        _parameter(name, str, "Exact, or a prefix that ends in `*`, like `user:*`.")
        for name in PATTERNS
    ),
    _parameter("event", str, "The event's name, like `incident_opened`."),
    _parameter("verdict", str, "What the gate said.", enum=[str(verdict) for verdict in Verdict]),
    _parameter("trace_id", str, "32 hexadecimal digits."),
    _parameter("limit", int, f"Events a page: {LIMIT}, at most {MAX_LIMIT}."),
    _parameter("before", int, "Older than the event with this id. Follow `next` instead."),
    _parameter("after", int, "Newer than the event with this id. Follow `previous` instead."),
]


class EventListView(APIView):
    permission_classes = (ReadsRecord,)

    @extend_schema(
        operation_id="audit_events_list", parameters=PARAMETERS, responses=EventListSchema
    )
    def get(self, request: Request) -> Response:
        """Events, newest first."""
        params = request.query_params.dict()
        filters = parse_filter(params)
        limit = parse_limit(params, default=LIMIT, maximum=MAX_LIMIT)
        found = selectors.event_page(filters, parse_cursor(params), limit=limit)
        kept = {**filters.to_params(), **({"limit": str(limit)} if limit != LIMIT else {})}
        newest, oldest = found.events[:1], found.events[-1:]
        return Response(
            {
                "results": [event_json(event, request) for event in found.events],
                "next": _url(request, kept, "before", oldest) if found.has_older else None,
                "previous": _url(request, kept, "after", newest) if found.has_newer else None,
            }
        )


class EventView(APIView):
    permission_classes = (ReadsRecord,)

    @extend_schema(operation_id="audit_events_retrieve", responses=EventSchema)
    def get(self, request: Request, pk: int) -> Response:
        """One event: its entry as it is stored, and where it stands in the log."""
        return Response(event_json(selectors.event_get(pk), request))


def event_json(event: Event, request: HttpRequest | Request) -> dict[str, Any]:
    """`entry`, written as RFC 8785 has it, is the exact text behind `leaf_hash`: SHA-256 of a zero
    byte and that text."""
    return {
        "entry": selectors.entry_of(event),
        "leaf_hash": bytes(event.leaf_hash).hex(),
        "index": selectors.index_of(event),
        "links": {
            name: request.build_absolute_uri(reverse(url, args=[event.pk]))
            for name, url in (
                ("self", "audit-api:event-detail"),
                ("proof", "audit-event-proof"),
                ("page", "audit:event-detail"),
            )
        },
    }


def _url(request: Request, params: dict[str, str], name: str, edge: list[Event]) -> str | None:
    if not edge:
        return None
    query = QueryDict(mutable=True)
    query.update({**params, name: str(edge[0].pk)})
    return request.build_absolute_uri(f"{request.path}?{query.urlencode(safe=':*')}")
