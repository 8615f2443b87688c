"""What reconciliation takes and what it gives."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from audit.journal.errors import Damage

KEPT = 1000


class Kind(StrEnum):
    NOTHING_HAPPENED = "nothing_happened"
    UNSAID = "unsaid"
    LOST = "lost"
    UNJOURNALED = "unjournaled"
    CONTRADICTED = "contradicted"


ALARMS = (Kind.LOST, Kind.UNJOURNALED, Kind.CONTRADICTED)


@dataclass(frozen=True, slots=True)
class Committed:
    """An event of the ledger, and the line of a journal that meant it."""

    event_id: int
    leaf_hash: bytes
    writer_id: UUID
    writer_seq: int


@dataclass(frozen=True, slots=True)
class Finding:
    """`writer` and `seq` name the line that meant it; for an unjournaled event, the line that it
    says meant it. `at` is empty where there is no such line."""

    kind: Kind
    event_id: int | None
    writer: str
    seq: int
    at: str
    detail: str


@dataclass(slots=True)
class Reconciliation:
    """`damages` are files that could not be read to their end. What they say further is not known,
    so events that they meant may count as unjournaled."""

    intents: int = 0
    events: int = 0
    in_flight: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)

    @property
    def is_alarming(self) -> bool:
        return bool(self.damages) or any(self.counts[kind] for kind in ALARMS)

    def find(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        if self.counts[finding.kind] <= KEPT:
            self.findings.append(finding)

    def to_json(self) -> dict[str, Any]:
        return {
            "intents": self.intents,
            "events": self.events,
            "in_flight": self.in_flight,
            **{kind.value: self.counts[kind] for kind in Kind},
            "damages": [str(damage) for damage in self.damages],
        }
