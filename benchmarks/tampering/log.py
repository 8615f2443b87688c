"""Entries and what was taken from them."""

from collections.abc import Callable

from audit.ledger.kinds import Kind
from benchmarks.tampering.case import Case
from benchmarks.tampering.detectors import Detector
from benchmarks.tampering.house import BIG_LIST, House

AT = 100
"""The leaf that it is done to."""
EVENT = f"(SELECT event_id FROM audit_leaf WHERE index = {AT})"
# The columns taken from it stay true, so that nothing but its hash tells.
EDIT = (
    "UPDATE audit_event SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
    f' \'"verdict":"allow","voter"\', \'"verdict":"deny","voter"\'), \'UTF8\') WHERE id = {EVENT};'
)
REHASH = (
    f"UPDATE audit_event SET leaf_hash = sha256('\\x00'::bytea || entry) WHERE id = {EVENT};"
    "UPDATE audit_leaf l SET leaf_hash = e.leaf_hash FROM audit_event e"
    f" WHERE e.id = l.event_id AND l.index = {AT};"
)
REORDER = f"""
CREATE TEMPORARY TABLE swapped AS SELECT * FROM audit_leaf WHERE index IN ({AT}, {AT + 1});
DELETE FROM audit_leaf WHERE index IN ({AT}, {AT + 1});
INSERT INTO audit_leaf SELECT {AT} + {AT + 1} - index, event_id, leaf_hash FROM swapped
"""
# An entry like the one before it, under a number of its own, taken from what it says itself.
FORGE = """
INSERT INTO audit_event SELECT n, xact_id, writer_id, writer_seq, at, event, actor, action, target,
    verdict, trace_id, forged, sha256('\\x00'::bytea || forged)
FROM audit_event, nextval('audit_event_id_seq') n, LATERAL (SELECT convert_to(replace(
    convert_from(entry, 'UTF8'), '"id":' || id || ',', '"id":' || n || ','), 'UTF8') AS forged) f
WHERE id = (SELECT max(event_id) FROM audit_leaf) RETURNING id
"""
MAKE_ROOM = f"""
UPDATE audit_leaf SET index = -index - 2 WHERE index >= {AT};
UPDATE audit_leaf SET index = -index - 1 WHERE index < 0;
INSERT INTO audit_leaf SELECT {AT}, id, leaf_hash FROM audit_event ORDER BY id DESC LIMIT 1;
UPDATE audit_head SET size = size + 1
"""
LISTED = """
SELECT l.index FROM audit_event_changes c JOIN audit_leaf l USING (event_id)
"""


def by_sql(statements: str, named: int | str = AT) -> Callable[[House], int | str]:
    def do(house: House) -> int | str:
        with house.superuser() as superuser:
            superuser.execute(statements)
        return named

    return do


def insert_stray(house: House) -> str:
    with house.superuser() as superuser:
        return f"event {_forge(superuser)}"


def insert_inside(house: House) -> int:
    with house.superuser() as superuser:
        _forge(superuser)
        superuser.execute(MAKE_ROOM)
    return AT


def insert_at_end(house: House) -> str:
    """Through the log's own queue, so that it is sequenced and signed like any other."""
    with house.superuser() as superuser:
        number = _forge(superuser)
        superuser.execute("INSERT INTO audit_pending VALUES (%s)", [number])
    house.publish()
    return f"event {number}"


def change_list(statement: str) -> Callable[[House], int | str]:
    def do(house: House) -> int | str:
        with house.superuser() as superuser:
            index = superuser.execute(LISTED).fetchone()
            superuser.execute(statement)
        if index is None:
            msg = f"no entry has {BIG_LIST} changes"
            raise LookupError(msg)
        return int(index[0])

    return do


def _forge(superuser: object) -> int:
    row = superuser.execute(FORGE).fetchone()  # type: ignore[attr-defined] # psycopg's, untyped here
    return int(row[0])


VERIFY = Detector.VERIFY
LOG = (
    Case("an entry is changed", VERIFY, Kind.ENTRY_CHANGED, by_sql(EDIT)),
    Case("… and its leaf hashed anew", VERIFY, Kind.HISTORY_REWRITTEN, by_sql(EDIT + REHASH)),
    Case(
        "an entry is deleted",
        VERIFY,
        Kind.ENTRY_DELETED,
        by_sql(f"DELETE FROM audit_event WHERE id = {EVENT}"),
    ),
    Case(
        "… and its leaf",
        VERIFY,
        Kind.LEAF_DELETED,
        by_sql(
            f"DELETE FROM audit_event WHERE id = {EVENT}; DELETE FROM audit_leaf WHERE index = {AT}"
        ),
    ),
    Case("two entries change places", VERIFY, Kind.HISTORY_REWRITTEN, by_sql(REORDER)),
    Case("an entry is inserted without a leaf", VERIFY, Kind.ENTRY_INSERTED, insert_stray),
    Case("an entry is inserted in the middle", VERIFY, Kind.HISTORY_REWRITTEN, insert_inside),
    Case(
        "an entry is inserted at the end, and signed",
        Detector.JOURNAL,
        Kind.EVENT_UNJOURNALED,
        insert_at_end,
    ),
    Case(
        "a searchable column is edited",
        VERIFY,
        Kind.PROJECTION_CHANGED,
        by_sql(f"UPDATE audit_event SET actor = 'user:nobody' WHERE id = {EVENT}"),
    ),
    Case(
        "a long list of changes is forged",
        VERIFY,
        Kind.CHANGE_LIST_CHANGED,
        change_list("UPDATE audit_event_changes SET changes = replace(changes, '\"I\"', '\"U\"')"),
    ),
    Case(
        "a long list of changes is deleted",
        VERIFY,
        Kind.CHANGE_LIST_CHANGED,
        change_list("DELETE FROM audit_event_changes"),
    ),
)
