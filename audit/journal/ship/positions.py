"""How far each file was acknowledged by one receiver. Lost or unreadable, all is sent again."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from audit.journal import disk, line

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Position:
    """`offset` is where the next line begins, `digest` that of the line before it. `inode` tells
    another file in the place of the one that was read."""

    offset: int = 0
    digest: str = line.NOTHING
    inode: int = 0


@dataclass(frozen=True, slots=True)
class Positions:
    path: Path

    @classmethod
    def of(cls, directory: Path, receiver: str) -> "Positions":
        """`receiver` names it without its options and secrets, like `syslog+tls://logs:6514`."""
        key = hashlib.sha256(receiver.encode()).hexdigest()[:16]
        return cls(directory / f"shipped-{key}.json")

    def load(self) -> dict[str, Position]:
        try:
            stored = json.loads(self.path.read_text())
            return {name: Position(**each) for name, each in stored["files"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.critical("journal_ship_positions_lost", file=self.path.name, reason=str(error))
            return {}

    def store(self, positions: Mapping[str, Position]) -> None:
        files = {name: asdict(position) for name, position in positions.items()}
        unfinished = self.path.with_suffix(".new")
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump({"v": 1, "files": files}, file)
            file.flush()
            disk.sync_data(file.fileno())
        unfinished.replace(self.path)
        disk.sync_directory(self.path.parent)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody else ships to this receiver from here."""
        disk.make_directory(self.path.parent, 0o700)
        fd = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
