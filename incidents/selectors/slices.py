"""Lists by keyset: as fast at the end of a long table as at its start."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Slice(Generic[M]):
    """Some rows, and whether older ones follow."""

    rows: list[M]
    has_more: bool


def take(rows: QuerySet[M], limit: int) -> Slice[M]:
    found = list(rows[: limit + 1])
    return Slice(found[:limit], len(found) > limit)


def newest(rows: QuerySet[M], *, before: int | None, limit: int) -> Slice[M]:
    """The newest by primary key, or the newest of those older than `before`."""
    rows = rows.order_by("-pk")
    return take(rows if before is None else rows.filter(pk__lt=before), limit)
