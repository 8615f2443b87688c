"""What became of one cell of the matrix, held against the table."""

from dataclasses import dataclass, field

from portal.system.capabilities import Level
from tests.fault_matrix.probes import Outcome, Went
from tests.fault_matrix.table import TELLING, Cell

PAGING = "Paging on-call"
# What is kept and done later is as good as it gets without what does it.
KEPT_FOR_LATER = {"Background work", TELLING, PAGING}
ALLOWED = {
    Level.FULL: {Went.WELL},
    Level.DEGRADED: {Went.WELL, Went.LATE},
    Level.OFF: {Went.REFUSED},
}


@dataclass
class Trial:
    """`noticed` is after how many seconds the page and what could be done agreed with the table,
    `recovered` after how many all was well again; None where that did not happen in time."""

    cell: Cell
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    claimed: dict[str, Level] = field(default_factory=dict)
    noticed: float | None = None
    recovered: float | None = None
    not_well: str = ""
    unclean: list[str] = field(default_factory=list)
    lost: int = 0

    @property
    def problems(self) -> list[str]:
        found = [f"unclean: {each}" for each in self.unclean]
        found += self.disagreements()
        if self.noticed is None:
            found += self.wrong_claims()
        if self.recovered is None:
            found.append(f"not well again: {self.not_well}")
        if self.lost:
            found.append(f"{self.lost} acknowledged alerts are lost")
        return found

    def wrong_claims(self) -> list[str]:
        expected = self.cell.claimed()
        return [
            f"the page says that {title} is {level.value}, not {expected[title].value}"
            for title, level in self.claimed.items()
            if level is not expected[title]
        ]

    def disagreements(self) -> list[str]:
        expected = self.cell.expected()
        return [
            f"{title} went {outcome} where {expected[title].value} is expected"
            for title, outcome in self.outcomes.items()
            if outcome.went not in self._allowed(title, expected[title])
        ]

    def _allowed(self, title: str, level: Level) -> set[Went]:
        allowed = set(ALLOWED[level])
        if level is Level.OFF and title in KEPT_FOR_LATER:
            allowed.add(Went.LATE)
        if level is not Level.FULL and not self.cell.is_steady:
            allowed |= {Went.WELL, Went.LATE}
        return allowed
