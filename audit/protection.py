"""How each table is protected. Governed is the rule; everything else is listed here, with why."""

from enum import StrEnum

from django.apps import apps
from django.db import connection, models

from audit.history import EventLink


class Protection(StrEnum):
    GOVERNED = "governed"
    APPEND_ONLY = "append_only"
    UNGOVERNED = "ungoverned"
    READ_ONLY = "read_only"


EXEMPT: dict[str, tuple[Protection, str]] = {
    "sessions.Session": (Protection.UNGOVERNED, "a sign-in is recorded as an event of its own"),
    "admin.LogEntry": (Protection.READ_ONLY, "the ledger is the record; this one is never written"),
    "contenttypes.ContentType": (Protection.READ_ONLY, "made by migrations, as the owner"),
    "auth.Permission": (Protection.READ_ONLY, "made by migrations, as the owner"),
    "audit.Event": (Protection.APPEND_ONLY, "it is the record"),
    "audit.Sealed": (Protection.APPEND_ONLY, "goes with its entry, which commits to each value"),
    "audit.Leaf": (Protection.READ_ONLY, "extended by the sequencer's own role"),
    "audit.Tile": (Protection.READ_ONLY, "extended by the sequencer's own role"),
    "audit.Head": (Protection.READ_ONLY, "moved forward by the sequencer's own role"),
    "audit.Checkpoint": (Protection.READ_ONLY, "added by the signer's own role"),
    "audit.Stopped": (Protection.READ_ONLY, "counted by the database with each denial's event"),
    "audit.StoppedSince": (Protection.READ_ONLY, "since when"),
    "audit.SearchEntry": (Protection.READ_ONLY, "derived from entries by the sequencer's own role"),
    "audit.SearchProgress": (Protection.READ_ONLY, "how far that has come"),
    "incidents.NotificationAttempt": (
        Protection.APPEND_ONLY,
        "kept also while nothing can be recorded; what came of a notification is an event",
    ),
    "incidents.AttachmentPiece": (
        Protection.APPEND_ONLY,
        "held by its digest, which is on record with each attachment",
    ),
    "incidents.PostmortemWords": (Protection.READ_ONLY, "derived by the database from its rows"),
}


def protection(model: type[models.Model]) -> Protection:
    if issubclass(model, EventLink):
        return Protection.APPEND_ONLY
    exempt = EXEMPT.get(model._meta.label)
    if exempt:
        return exempt[0]
    if getattr(model, "is_read_only", False):
        return Protection.READ_ONLY
    # The model itself says why its rows need no record.
    if getattr(model, "ungoverned_because", ""):
        return Protection.UNGOVERNED
    return Protection.GOVERNED


def tables() -> dict[str, Protection]:
    """Every table of every installed model, many-to-many tables included."""
    return {
        model._meta.db_table: protection(model)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


_WRITES = """
SELECT c.relname,
       has_table_privilege('vigil_app', c.oid, 'INSERT') AS inserts,
       has_table_privilege('vigil_app', c.oid, 'UPDATE') AS updates,
       has_table_privilege('vigil_app', c.oid, 'DELETE') AS deletes,
       has_table_privilege('vigil_app', c.oid, 'TRUNCATE') AS truncates,
       coalesce(array_agg(t.tgname::text) FILTER (WHERE t.tgenabled = 'A'), '{}') AS always
FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY c.oid
"""


def unprotected() -> list[str]:
    """What the database lacks of the protection that each table should have, one line each."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITES)
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    return [
        f"{table} should be {wanted.value}: {lack}"
        for table, wanted in sorted(tables().items())
        for lack in _lacks(wanted, found.get(table))
    ]


def _lacks(wanted: Protection, found: tuple[bool, bool, bool, bool, list[str]] | None) -> list[str]:
    if found is None:
        return ["there is no such table"]
    inserts, updates, deletes, truncates, always = found
    lacks = ["the application may truncate it"] if truncates else []
    if wanted is Protection.GOVERNED and "audit_capture" not in always:
        lacks.append("changes are not captured")
    if wanted is Protection.APPEND_ONLY and "audit_append_only" not in always:
        lacks.append("rows can be changed")
    if (
        wanted in {Protection.GOVERNED, Protection.APPEND_ONLY}
        and "audit_no_truncate" not in always
    ):
        lacks.append("it can be truncated")
    if wanted in {Protection.APPEND_ONLY, Protection.READ_ONLY} and (updates or deletes):
        lacks.append("the application may change rows")
    if wanted is Protection.READ_ONLY and inserts:
        lacks.append("the application may add rows")
    return lacks
