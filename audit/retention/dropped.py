"""Which entries have left the database, as the record itself says: the newest event by which a
partition was dropped names all archives so far, so it is read and no table is believed."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from audit.models import Event
from audit.proofs.errors import ProofError
from audit.retention.archive import ArchiveFile

DROPPED = "ledger_dropped"


@dataclass(frozen=True, slots=True)
class DroppedRange:
    """The events `[first, end)`, as many as `events`, in the file of that SHA-256."""

    first: int
    end: int
    events: int
    filename: str
    sha256: str

    @classmethod
    def of(cls, archive: Any) -> Self:
        return cls(
            archive.first_id, archive.end_id, archive.events, archive.filename, archive.sha256
        )


@dataclass(frozen=True, slots=True)
class Dropped:
    ranges: tuple[DroppedRange, ...] = ()

    @property
    def spans(self) -> list[tuple[int, int]]:
        return [(each.first, each.end) for each in self.ranges]

    @property
    def end(self) -> int:
        """The first number that was not dropped: partitions go oldest first."""
        return max((each.end for each in self.ranges), default=0)


def dropped() -> Dropped:
    newest = Event.objects.filter(event=DROPPED, verdict="allow").order_by("-id").first()
    if newest is None:
        return Dropped()
    archives = json.loads(bytes(newest.entry))["data"]["archives"]
    return Dropped(tuple(DroppedRange(**each) for each in archives))


def path_of(directory: Path, each: DroppedRange) -> Path:
    return directory / Path(each.filename).name


def opened(directory: Path, each: DroppedRange) -> ArchiveFile:
    """The archive of a range. Raises `ProofError` where it is missing or is not the one on record."""
    path = path_of(directory, each)
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise ProofError(f"{path.name} cannot be read: {error.strerror}") from error
    if digest != each.sha256:
        raise ProofError(f"{path.name} is not the file that was sealed")
    return ArchiveFile(path)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
