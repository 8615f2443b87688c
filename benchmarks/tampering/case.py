"""One way of tampering, and how it must be found."""

from collections.abc import Callable
from dataclasses import dataclass

from audit.ledger.kinds import Kind
from benchmarks.tampering.detectors import Detector, Found, find
from benchmarks.tampering.house import House, Stage


@dataclass(frozen=True, slots=True)
class Case:
    """`do` tampers, and returns what must be named: the first bad index, or a text that the finding
    has to contain. `on` is the installation that it is done to."""

    what: str
    by: Detector
    kind: Kind
    do: Callable[[House], int | str]
    on: Stage = Stage.SMALL

    def run(self, house: House) -> tuple[int | str, list[Found]]:
        """What had to be named, and what was found."""
        return self.do(house), find(self.by, house)

    def named(self, expected: int | str, found: list[Found]) -> Found | None:
        """The finding that names it, or None where it was missed."""
        for each in found:
            place = each.index if isinstance(expected, int) else each.detail
            is_there = place == expected or (isinstance(place, str) and str(expected) in place)
            if each.kind == self.kind and is_there:
                return each
        return None
