"""What a verification found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from audit.ledger.kinds import Kind

KEPT = 100
"""Of each kind so many are named; all are counted."""

Progress = Callable[[str, int, int], None]
"""Is told what is being read, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`index` is the leaf it was found at, None where it is none's."""

    kind: Kind
    detail: str
    index: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "detail": self.detail,
            "index": self.index,
            "meaning": self.kind.meaning,
        }


@dataclass(slots=True)
class Findings:
    """Bounded, however much is wrong."""

    counts: Counter[Kind] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    first_bad_index: int | None = None
    _kept: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, detail: str, index: int | None = None) -> None:
        self.counts[kind] += 1
        self._keep(Problem(kind, detail, index))

    def merge(self, other: "Findings") -> None:
        for problem in other.problems:
            self._keep(problem)
        self._see(other.first_bad_index)
        self.counts += other.counts

    def _keep(self, problem: Problem) -> None:
        self._see(problem.index)
        if self._kept[problem.kind] < KEPT:
            self._kept[problem.kind] += 1
            self.problems.append(problem)

    def _see(self, index: int | None) -> None:
        if index is not None and (self.first_bad_index is None or index < self.first_bad_index):
            self.first_bad_index = index


@dataclass(slots=True)
class Origin:
    """A key that is trusted, and how many of the stored checkpoints it signed, from which size to which."""

    vkey: str
    checkpoints: int = 0
    first: int = 0
    last: int = 0

    @property
    def name(self) -> str:
        return self.vkey.partition("+")[0]

    def add(self, size: int) -> None:
        self.first, self.last = self.first or size, size
        self.checkpoints += 1


@dataclass(slots=True)
class Report:
    """`rows`, `histories` and `journaled` are how many were held against the ledger, None where none
    were to be; `archived` entries are not here but in archives, of which `archived_read` were read, and
    `histories_archived` history rows tell of such that were not. `origins` are in the order of their
    time: the last is the log's own, the others are trusted because the installation says so."""

    size: int = 0
    signed: int = 0
    pending: int = 0
    root: str = ""
    archived: int = 0
    archived_read: int | None = None
    rows: int | None = None
    histories: int | None = None
    histories_archived: int = 0
    journaled: int | None = None
    origins: list[Origin] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    @property
    def problems(self) -> list[Problem]:
        """In the order of the log; what has no place in it comes last."""
        return sorted(
            self.findings.problems, key=lambda each: (each.index is None, each.index or 0)
        )

    @property
    def first_bad_index(self) -> int | None:
        return self.findings.first_bad_index

    @property
    def status(self) -> str:
        if self.findings.counts:
            return "broken"
        if self.size and not self.signed:
            return "unverifiable"
        return "pending" if self.pending or self.signed < self.size else "verified"

    def add(self, kind: Kind, detail: str, index: int | None = None) -> None:
        self.findings.add(kind, detail, index)

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "first_bad_index": self.first_bad_index,
            "size": self.size,
            "signed": self.signed,
            "pending": self.pending,
            "root": self.root,
            "archived": self.archived,
            "archived_read": self.archived_read,
            "rows": self.rows,
            "histories": self.histories,
            "histories_archived": self.histories_archived,
            "journaled": self.journaled,
            "origins": [{"origin": each.name, **asdict(each)} for each in self.origins],
            "counts": {kind.value: count for kind, count in self.findings.counts.items()},
            "problems": [problem.to_json() for problem in self.problems],
        }
