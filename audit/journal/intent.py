"""What a caller holds between writing down what it means to do and what came of it."""

from collections.abc import Mapping
from typing import Any, Protocol

from audit.journal import line


class Recorder(Protocol):
    def outcome(self, intent: "Intent", fields: Mapping[str, Any]) -> None: ...


class Intent:
    """On the disk since before its maker was handed it. Say once what came of it; where nobody can
    know (a connection lost at COMMIT), say nothing: reconciliation asks the ledger."""

    def __init__(self, recorder: Recorder, *, writer: str, seq: int, event_id: int | None) -> None:
        self.writer = writer
        self.seq = seq
        self.event_id = event_id
        self.is_settled = False
        self._recorder = recorder

    def committed(self, *, event_id: int, leaf_hash: bytes) -> None:
        """Never raises: what is committed stays committed, recorded here or not."""
        self._settle(result=line.COMMITTED, event=event_id, leaf=leaf_hash.hex())

    def rolled_back(self, error: BaseException) -> None:
        """Never raises. Keeps the error's class only: its text may hold anything."""
        self._settle(result=line.ROLLED_BACK, error=type(error).__qualname__)

    def _settle(self, **fields: Any) -> None:
        """The first word counts: a failure in what runs after COMMIT does not undo it."""
        if not self.is_settled:
            self.is_settled = True
            self._recorder.outcome(self, {"intent": self.seq, **fields})
