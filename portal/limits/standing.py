"""How much of the limits is in use now, for the system-health page."""

from dataclasses import dataclass

from portal.limits import table
from portal.limits.load import load
from portal.limits.middleware import board
from portal.limits.table import LANES, Lane, Priority


@dataclass(frozen=True, slots=True)
class Row:
    priority: Priority
    lane: Lane
    in_flight: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Standing:
    """`rows` highest first; shares are of the pod's own limits."""

    rows: list[Row]
    in_flight: int
    waiting: int
    cpu: float
    memory: float

    most_in_flight = table.IN_FLIGHT
    most_waiting = table.WAITING


def standing() -> Standing:
    with board.locked():
        in_flight, waiting = board.totals()
    rows = [Row(p, LANES[p], in_flight[p], waiting[p]) for p in reversed(Priority)]
    return Standing(rows, sum(in_flight.values()), sum(waiting.values()), load.cpu, load.memory)
