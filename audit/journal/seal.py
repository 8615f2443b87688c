"""What is put on record elsewhere, in the ledger, of a file that grows no more."""

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Seal:
    """`sha256` is of all `bytes` of the file, a torn last line included. `is_whole` says that its
    writer sealed it; else it was killed, or left the file after a failure. `damage` is what was
    wrong with it already when this was taken; empty where nothing was."""

    file: str
    writer: str
    number: int
    lines: int
    last_seq: int
    bytes: int
    sha256: str
    is_whole: bool
    damage: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        return cls(**fields)
