"""History rows, changed with the triggers off. Their rows stay what they are."""

from collections.abc import Callable

from audit.ledger.kinds import Kind
from benchmarks.tampering.case import Case
from benchmarks.tampering.detectors import Detector
from benchmarks.tampering.house import House

TABLE = "incidents_historicalservice"
# That of a service with one change, and an event of its own.
ONE = "slug = 's-3'"
COPY = f"""
INSERT INTO {TABLE} (id, slug, name, description, history_date, history_change_reason, history_type,
    history_user_id, event_id)
SELECT id, slug, 'Other', description, history_date, history_change_reason, '~', history_user_id,
    event_id FROM {TABLE} WHERE {ONE}
"""
# The first of two goes behind the other.
SWAP = f"""
UPDATE {TABLE} SET history_id = (SELECT max(history_id) + 1 FROM {TABLE})
WHERE slug = 'moved' AND history_type = '+'
"""


def history(statement: str) -> Callable[[House], int | str]:
    """The statement returns the key of the row whose history it is."""

    def do(house: House) -> int | str:
        with house.superuser() as superuser:
            found = superuser.execute(f"{statement} RETURNING id").fetchone()
        return f"incidents_service {found[0]} " if found else ""

    return do


def edit(columns: str) -> Callable[[House], int | str]:
    return history(f"UPDATE {TABLE} SET {columns} WHERE {ONE}")


def swap(house: House) -> str:
    """The two history rows of a row change places."""
    number = house.change_twice("moved")
    with house.superuser() as superuser:
        superuser.execute(SWAP)
    return f"incidents_service {number} stands in another place"


HISTORIES = (
    Case(
        "a history row is edited",
        Detector.ROWS,
        Kind.HISTORY_ROW_CHANGED,
        edit("name = 'Other'"),
    ),
    Case(
        "a history row is moved in time",
        Detector.ROWS,
        Kind.HISTORY_ROW_CHANGED,
        edit("history_date = history_date - interval '1 hour'"),
    ),
    Case(
        "a history row gets another person",
        Detector.ROWS,
        Kind.HISTORY_ROW_CHANGED,
        edit("history_user_id = 1"),
    ),
    Case(
        "a history row gets another reason",
        Detector.ROWS,
        Kind.HISTORY_ROW_CHANGED,
        edit("history_change_reason = 'The customer asked for it'"),
    ),
    Case("two history rows change places", Detector.ROWS, Kind.HISTORY_ROW_CHANGED, swap),
    Case(
        "a history row is deleted",
        Detector.ROWS,
        Kind.HISTORY_ROW_DELETED,
        history(f"DELETE FROM {TABLE} WHERE {ONE}"),
    ),
    Case("a history row is inserted", Detector.ROWS, Kind.HISTORY_ROW_INSERTED, history(COPY)),
    Case(
        "a history row is linked to another event",
        Detector.ROWS,
        Kind.HISTORY_ROW_RELINKED,
        edit("event_id = event_id + 1"),
    ),
    Case(
        "a history row is linked to no event",
        Detector.ROWS,
        Kind.HISTORY_ROW_RELINKED,
        edit("event_id = 0"),
    ),
)
