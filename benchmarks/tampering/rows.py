"""Governed rows, changed with the triggers off."""

from collections.abc import Callable

from audit.ledger.kinds import Kind
from benchmarks.tampering.case import Case
from benchmarks.tampering.detectors import Detector
from benchmarks.tampering.house import House


def row(statement: str) -> Callable[[House], int | str]:
    """The statement returns the row's key."""

    def do(house: House) -> int | str:
        with house.superuser() as superuser:
            found = superuser.execute(f"{statement} RETURNING id").fetchone()
        return f"incidents_service {found[0]} " if found else ""

    return do


ROWS = (
    Case(
        "a governed row is edited",
        Detector.ROWS,
        Kind.ROW_CHANGED,
        row("UPDATE incidents_service SET name = 'Other' WHERE slug = 'many-5'"),
    ),
    Case(
        "a governed row is deleted",
        Detector.ROWS,
        Kind.ROW_DELETED,
        row("DELETE FROM incidents_service WHERE slug = 'many-5'"),
    ),
    Case(
        "a governed row is inserted",
        Detector.ROWS,
        Kind.ROW_INSERTED,
        row("INSERT INTO incidents_service (slug, name, description) VALUES ('x', 'X', '')"),
    ),
)
