"""Why the journal would not take a line, or what is wrong with one that it holds."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from portal.lib.errors import AuditUnavailable


class JournalUnavailable(AuditUnavailable):
    """Nothing may be done now: what is meant cannot be written down first.

    `reason` is for logs and operators; who asked is told the default message.
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        self.args = (reason,)


class Harm(StrEnum):
    """What was done to a file. `verify` names the first."""

    EDITED = "edited"
    INSERTED = "inserted"
    DELETED = "deleted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    EXTENDED = "extended"
    REPLACED = "replaced"
    MISSING = "missing"


@dataclass(eq=False)
class Damage(Exception):
    """`number` is the first bad line, counted from 1; 0 where it is the file as a whole."""

    path: Path
    harm: Harm
    number: int
    detail: str

    def __str__(self) -> str:
        where = f" at line {self.number}" if self.number else ""
        return f"{self.path.name}: {self.harm}{where}: {self.detail}"
