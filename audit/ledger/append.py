"""Appends entries, and nothing else. Fails closed: no entry, no change.

`draw` a number first, change rows, `append` last: the database itself puts the rows that the
transaction changed into the entry, and refuses the commit of a change that is in none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import DatabaseError, connection

from audit.journal import Intent
from portal.lib.canonical import NotCanonical, dumps
from portal.lib.errors import AuditUnavailable, FieldError, ValidationFailed

log = structlog.get_logger(__name__)

# What the database holds an entry to, and what of it a list of 64 changes can take.
MAX_ENTRY = 65_535
MAX_CHANGES = 16_384


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


# The text and the hash alone go back and forth: a bytea would take twice the bytes each way.
_ENTRY = """
INSERT INTO audit_event (id, writer_id, writer_seq, entry)
VALUES (%s, %s, %s, convert_to(%s, 'UTF8')) RETURNING leaf_hash
"""
# In one statement with the entry, so that sealing costs no round trip.
_SEALED = """
WITH sealed AS (
    INSERT INTO audit_sealed (event_id, field, subject, ciphertext)
    SELECT %s, field, %s, ciphertext FROM unnest(%s::text[], %s::bytea[]) AS s (field, ciphertext)
) """


@dataclass(frozen=True, slots=True)
class SealedValues:
    """Personal values of one subject, each with its place in the entry, see `audit.subjects`."""

    subject: str = ""
    values: Sequence[tuple[str, bytes]] = ()


_NONE = SealedValues()


def append(
    drawn: Drawn, intent: Intent, fields: Mapping[str, Any], sealed: SealedValues = _NONE
) -> bytes:
    """Adds the entry that names all rows changed since the transaction's last one, beside the line of
    the journal that meant it, and what is sealed of it. Returns its leaf hash.

    Raises `AuditUnavailable` where the ledger cannot take it, `ValidationFailed` where it is longer
    than an entry may be.
    """
    entry = _canonical({**fields, "id": drawn.id, "timestamp": instant(drawn.at), "changes": []})
    try:
        with connection.cursor() as cursor:
            beside: list[Any] = []
            if sealed.values:
                places, values = zip(*sealed.values, strict=True)
                beside = [drawn.id, sealed.subject, list(places), list(values)]
            cursor.execute(
                _SEALED + _ENTRY if beside else _ENTRY,
                [*beside, drawn.id, intent.writer, intent.seq, entry.decode()],
            )
            return bytes(cursor.fetchone()[0])
    except DatabaseError as error:
        raise _unavailable(error) from error


def _canonical(fields: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed: RFC 8785, the JSON Canonicalization Scheme."""
    try:
        entry = dumps(fields)
    except NotCanonical as error:
        message = f"cannot be recorded: {error}"
        raise ValidationFailed([FieldError("data", message)]) from error
    if len(entry) > MAX_ENTRY - MAX_CHANGES:
        message = (
            f"the record of this would take {len(entry)} bytes; "
            f"{MAX_ENTRY - MAX_CHANGES} is the limit"
        )
        raise ValidationFailed([FieldError("data", message)])
    return entry


def instant(at: datetime) -> str:
    """RFC 3339 in UTC to the microsecond, like `2026-02-12T18:30:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unavailable(error: DatabaseError) -> AuditUnavailable:
    log.critical("audit_failure", error=str(error))
    return AuditUnavailable()
