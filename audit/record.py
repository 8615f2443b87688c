"""What the running governed call puts on record; services add to it by `current()`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.base_user import AbstractBaseUser

from audit import journal
from audit.attempts import noting
from audit.gate.types import Decision, Request, Verdict
from audit.journal.transaction import transacted
from audit.ledger import lag
from audit.ledger.append import Drawn, SealedValues, append, draw
from audit.principal import subject
from audit.recorded import Recording
from portal.lib.trace import trace_id

if TYPE_CHECKING:
    from audit.models import User


@dataclass(slots=True)
class Record:
    """One entry in the making. `target` and `event` may be set more exactly by the service."""

    drawn: Drawn
    intent: journal.Intent
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

    def append(self) -> bytes:
        """Adds the entry, and returns its leaf hash."""
        principal = self.request.principal
        recording = Recording(self.id, self._person())
        data = {**self.data, "asked": self.decision.asked}
        fields = {
            "event": self.event,
            "actor": principal.recorded,
            "actor_type": principal.kind,
            "action": self.request.action.name,
            "target": self.target,
            "verdict": self.decision.verdict.value,
            "reason": self.decision.reason,
            "votes": [vote.to_json() for vote in self.decision.votes],
            "policy": self.decision.policy_digest,
            "trace_id": trace_id(),
            "data": recording.value(data, "data"),
        }
        whose = subject(recording.person) if recording.person else ""
        return append(self.drawn, self.intent, fields, SealedValues(whose, recording.sealed))

    def _person(self) -> "User | None":
        """Whose personal values are in it: the caller's, or else those of the account that somebody
        tried to sign in to."""
        about = self.request.resource.instance
        whose = self.request.principal.user or about
        return cast("User", whose) if isinstance(whose, AbstractBaseUser) else None


_current: ContextVar[Record | None] = ContextVar("record", default=None)


class NoRecord(RuntimeError):
    """A governed row was about to change outside a governed call."""


def current() -> Record:
    record = _current.get()
    if record is None:
        raise NoRecord("this belongs inside a governed call")
    return record


class GateLatched(Exception):
    """The gate was closed, on whichever machine, after it had decided this."""


@contextmanager
def recording(request: Request, decision: Decision, *, event: str) -> Iterator[Record]:
    """Draws the number, writes down the intent, and then in one transaction lets the body change
    rows and appends the entry. What came of it goes in the journal.

    Raises `GateLatched` where what was allowed no longer is, `AuditUnavailable` where the record
    cannot be made, or could not be proven soon.
    """
    if _current.get() is not None:
        raise NoRecord("a governed call is never made inside another one")
    is_allowed, target = decision.verdict is Verdict.ALLOW, str(request.resource)
    actor, action = request.principal.recorded, request.action.name
    with noting(actor=actor, action=action, target=target):
        if is_allowed and not request.action.works_while_unsigned:
            lag.guard()
        drawn = draw()
    is_exempt = request.action.works_while_latched or not is_allowed
    if drawn.is_latched and not is_exempt:
        raise GateLatched("another machine closed the gate since the decision")
    intent = journal.intent(
        event_id=drawn.id,
        actor=actor,
        action=action,
        target=target,
        verdict=decision.verdict.value,
        policy=decision.policy_digest,
    )
    record = Record(drawn, intent, request, decision, event, target=target)
    with transacted(intent) as entry:
        token = _current.set(record)
        try:
            yield record
            entry.event_id, entry.leaf_hash = record.id, record.append()
        finally:
            _current.reset(token)
