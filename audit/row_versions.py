"""Which version of a row a person saw, so that two who edit it at once overwrite nothing unseen.

A version covers the row, as the ledger digests it, and the many-to-many rows that go with it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.expressions import RawSQL

from audit.gate.types import Action
from audit.governed import governed
from audit.principal import Principal
from audit.rows import action_on, describe, save_whole
from portal.lib.errors import Conflict

M = TypeVar("M", bound=models.Model)

# Where a row that was read by `with_digest` carries its digest.
DIGEST = "row_digest"


class RowConflict(Conflict):
    default_message = "Somebody else changed this while you were looking at it."


def with_digest(rows: models.QuerySet[M]) -> models.QuerySet[M]:
    """Reads each row's digest in the same statement, so that the two always belong together."""
    table = rows.model._meta.db_table
    digest = RawSQL(  # noqa: S611 - only the table's own name goes in
        f"encode(audit_row_digest(to_jsonb({connection.ops.quote_name(table)}),"  # noqa: S608
        " (SELECT ungoverned FROM audit_governed WHERE table_name = %s)), 'hex')",
        [table],
    )
    annotated: models.QuerySet[M] = rows.annotate(**{DIGEST: digest})
    return annotated


def version(digest: str, related: Mapping[str, Iterable[int]]) -> str:
    """`related` are the primary keys behind each many-to-many field."""
    keys = {name: sorted(pks) for name, pks in related.items()}
    return hashlib.sha256(f"{digest} {json.dumps(keys, sort_keys=True)}".encode()).hexdigest()


def _replacing(arguments: Mapping[str, Any]) -> Action:
    return action_on(arguments["instance"], "change")


@governed(_replacing, on="instance", carries=("instance",))
def row_replace(
    *,
    instance: models.Model,
    seen: str,
    many_to_many: Mapping[str, Sequence[int]],
    by: Principal,
    reason: str = "",
) -> None:
    """As `row_save` of a row that is there already, and of no other version of it than `seen`.

    Raises `RowConflict` where it has changed since.
    """
    _hold(instance, seen, many_to_many)
    describe(instance, reason)
    save_whole(instance, many_to_many)


def row_digest(row: models.Model) -> str | None:
    """As the ledger digests it; None where the row is gone."""
    stored = with_digest(type(row)._base_manager.filter(pk=row.pk)).first()
    return getattr(stored, DIGEST, None)


def _hold(instance: models.Model, seen: str, many_to_many: Iterable[str]) -> None:
    rows = type(instance)._base_manager.filter(pk=instance.pk)
    # Locked first and read after: one statement for both could read what was there before the lock.
    rows.select_for_update().values_list("pk").first()
    stored = with_digest(rows).first()
    if stored is None:
        message = "Somebody else deleted this while you were looking at it."
        raise RowConflict(message)
    related = {name: getattr(stored, name).values_list("pk", flat=True) for name in many_to_many}
    if version(getattr(stored, DIGEST), related) != seen:
        raise RowConflict
