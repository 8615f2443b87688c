"""Appends entries, and nothing else. Fails closed: no entry, no change.

`draw` a number first, change rows, `append` last: the database holds the entry's `changes` against
the rows that the transaction really changed, and refuses the entry, or the commit, if they differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import DatabaseError, connection

from audit.journal import Intent
from audit.proofs.merkle import leaf_hash
from portal.lib.canonical import NotCanonical, dumps
from portal.lib.errors import AuditUnavailable, FieldError, ValidationFailed

log = structlog.get_logger(__name__)

# What the database holds an entry to, and what of it a list of 64 changes can take.
MAX_ENTRY = 65_535
MAX_CHANGES = 16_384

# In one statement: it puts in what it captured, which is spelled canonically there.
_INSERT = """
INSERT INTO audit_event (id, writer_id, writer_seq, entry)
SELECT %s, %s, %s, %s::bytea || convert_to(summary, 'UTF8') || %s::bytea FROM audit_captured()
RETURNING entry
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An entry's number and instant, both the database's, and whether the gate is latched there."""

    id: int
    at: datetime
    is_latched: bool = False


def draw() -> Drawn:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval('audit_event_id_seq'), clock_timestamp(),"
                " EXISTS (SELECT FROM audit_gatelatch WHERE released_at IS NULL)"
            )
            number, at, is_latched = cursor.fetchone()
    except DatabaseError as error:
        raise _unavailable(error) from error
    return Drawn(number, at, is_latched)


def append(drawn: Drawn, intent: Intent, fields: Mapping[str, Any]) -> bytes:
    """Adds the entry that names all rows changed since the transaction's last one, beside the line of
    the journal that meant it. Returns its leaf hash.

    Raises `AuditUnavailable` where the ledger cannot take it, `ValidationFailed` where it is longer
    than an entry may be.
    """
    before, after = _around_changes({**fields, "id": drawn.id, "timestamp": instant(drawn.at)})
    try:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [drawn.id, intent.writer, intent.seq, before, after])
            entry = bytes(cursor.fetchone()[0])
    except DatabaseError as error:
        raise _unavailable(error) from error
    return leaf_hash(entry)


def _around_changes(fields: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The entry's canonical JSON (RFC 8785), but for the changes, which the database knows."""
    try:
        before = dumps({name: value for name, value in fields.items() if name < "changes"})
        after = dumps({name: value for name, value in fields.items() if name > "changes"})
    except NotCanonical as error:
        message = f"cannot be recorded: {error}"
        raise ValidationFailed([FieldError("data", message)]) from error
    if (size := len(before) + len(after)) > MAX_ENTRY - MAX_CHANGES:
        message = (
            f"the record of this would take {size} bytes; {MAX_ENTRY - MAX_CHANGES} is the limit"
        )
        raise ValidationFailed([FieldError("data", message)])
    return before[:-1] + b',"changes":', b"," + after[1:]


def instant(at: datetime) -> str:
    """RFC 3339 in UTC to the microsecond, like `2026-02-12T18:30:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unavailable(error: DatabaseError) -> AuditUnavailable:
    log.critical("audit_failure", error=str(error))
    return AuditUnavailable()
