"""Lists by cursor: follow `next`; the cursor itself means nothing to a client."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.event_filters import parse_limit
from incidents.api.access import IncidentsView
from portal.lib.errors import FieldError, ValidationFailed

LIMIT, MAX_LIMIT = 50, 200


class NewestFirst(CursorPagination):
    ordering: Any = "-id"
    page_size = LIMIT
    max_page_size = MAX_LIMIT
    page_size_query_param = "limit"
    page_size_query_description = f"How many: {LIMIT}, at most {MAX_LIMIT}."
    cursor_query_description = "Where to go on. Follow `next` instead."

    def get_page_size(self, request: Request) -> int:
        return parse_limit(request.query_params.dict(), default=LIMIT, maximum=MAX_LIMIT)

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, ValidationError) as error:
            # A cursor holds a value of the column; one that a client made up may hold anything.
            raise ValidationFailed([FieldError("cursor", "is none that was given out")]) from error


class ListView(IncidentsView, GenericAPIView[Any]):
    """Answers a page of rows. `queryset` only tells the API's description of the model."""

    pagination_class: Any = NewestFirst

    def page(self, rows: QuerySet[Any]) -> Response:
        found: list[Model] = self.paginate_queryset(self.filter_queryset(rows)) or []
        self.name(found)
        return self.get_paginated_response(self.get_serializer(found, many=True).data)

    def name(self, rows: list[Any]) -> None:
        """Puts names in place of commitments where rows hold any."""
