"""How far behind a receiver is, from the disk alone: any process can tell, also without a shipper."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit.journal import names
from audit.journal.line import MAX_LINE, BadLine, parse
from audit.journal.ship.positions import Position, Positions


@dataclass(frozen=True, slots=True)
class Lag:
    """What is not acknowledged yet: its bytes, and the age in seconds of the oldest line."""

    bytes: int = 0
    seconds: float = 0.0


def lag(directory: Path, receiver: str) -> Lag:
    positions = Positions.of(directory, receiver).load()
    size = 0
    oldest = ""
    for name in names.files(directory):
        position = positions.get(name.path.name, Position())
        behind = name.path.stat().st_size - position.offset
        if behind <= 0:
            continue
        with name.path.open("rb") as file:
            file.seek(position.offset)
            raw = file.readline(MAX_LINE + 1)
        if not raw.endswith(b"\n"):  # A line that is not written to its end is not due yet.
            continue
        size += behind
        try:
            at = parse(raw[:-1], 0).at
        except BadLine:
            continue
        oldest = min(oldest or at, at)
    if not oldest:
        return Lag(size)
    age = datetime.now(UTC) - datetime.fromisoformat(oldest)
    return Lag(size, max(age.total_seconds(), 0))
