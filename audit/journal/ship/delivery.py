"""What is sent, and what a way of sending it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from audit.journal import line
from audit.journal.line import Line
from audit.journal.names import Name
from portal.lib.errors import ApiTimeout, CircuitOpen
from portal.lib.resilience import call

T = TypeVar("T")


class Weight(StrEnum):
    ROUTINE = "routine"
    NOTABLE = "notable"
    WARNING = "warning"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Record:
    """One line. `found` is None where the bytes are none; they are sent all the same."""

    name: Name
    raw: bytes
    found: Line | None
    is_damaged: bool = False

    @property
    def weight(self) -> Weight:
        if self.found is None or self.is_damaged:
            return Weight.DAMAGED
        if self.found.kind in {line.RESUMED, line.REFUSED}:
            return Weight.WARNING
        return Weight.ROUTINE if self.found.kind in line.OWN_KINDS else Weight.NOTABLE

    @property
    def kind(self) -> str:
        return self.found.kind if self.found else "damaged"

    @property
    def text(self) -> str:
        return self.raw.decode(errors="backslashreplace")


class NotDelivered(Exception):
    """None of it counts as received. `retry_after` seconds are what the receiver asks for;
    `is_final` says that it does not want this again, so that a person has to look."""

    def __init__(
        self, reason: str, *, retry_after: float = 0, is_final: bool = False, is_long: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_final = is_final
        self.is_long = is_long


def deliver(attempt: Callable[[float], T]) -> T:
    """Makes one attempt by the policy of the central log. The shipper is what tries again."""
    try:
        return call("journal-central", attempt).value
    except CircuitOpen as open_:
        raise NotDelivered(open_.message, retry_after=open_.retry_after or 0) from open_
    except ApiTimeout as failure:
        cause = failure.__cause__ or failure
        raise NotDelivered(f"{type(cause).__name__}: {cause}") from failure


class Transport(Protocol):
    def send(self, records: list[Record]) -> None:
        """Returns once the receiver has them all. Raises `NotDelivered`."""
