"""What the running governed call puts on record; services add to it by `current()`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit.gate.types import Decision, Request
from audit.ledger.append import Drawn, append, draw
from portal.lib.trace import trace_id


@dataclass(slots=True)
class Record:
    """One entry in the making. `target` and `event` may be set more exactly by the service."""

    drawn: Drawn
    request: Request
    decision: Decision
    event: str
    target: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.drawn.id

    @property
    def at(self) -> datetime:
        """The database's clock as the call began: the instant for everything that it stamps."""
        return self.drawn.at

    def note(self, **data: Any) -> None:
        self.data.update(data)

    def append(self) -> None:
        principal = self.request.principal
        append(
            self.drawn,
            {
                "event": self.event,
                "actor": principal.actor,
                "actor_type": principal.kind,
                "action": self.request.action.name,
                "target": self.target,
                "verdict": self.decision.verdict.value,
                "reason": self.decision.reason,
                "votes": [vote.to_json() for vote in self.decision.votes],
                "policy": self.decision.policy_digest,
                "trace_id": trace_id(),
                "data": self.data,
            },
        )


_current: ContextVar[Record | None] = ContextVar("record", default=None)


class NoRecord(RuntimeError):
    """A governed row was about to change outside a governed call."""


def current() -> Record:
    record = _current.get()
    if record is None:
        raise NoRecord("this belongs inside a governed call")
    return record


@contextmanager
def recording(request: Request, decision: Decision, *, event: str) -> Iterator[Record]:
    """Draws the number, lets the body change rows, appends the entry. Belongs in a transaction."""
    if _current.get() is not None:
        raise NoRecord("a governed call is never made inside another one")
    record = Record(draw(), request, decision, event, target=str(request.resource))
    token = _current.set(record)
    try:
        yield record
        record.append()
    finally:
        _current.reset(token)
