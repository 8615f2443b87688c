"""Checks one file of a journal from its bytes, against itself and against what others say of it.

A chain shows what was changed inside it. That its last line was changed, its end cut off, or all of
it written anew, only others can show: the seal in the ledger, or the writer's next file.
"""

import hashlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from audit.journal import disk, line, names
from audit.journal.errors import Damage, Harm
from audit.journal.reader import Reader
from audit.journal.seal import Seal


class Status(StrEnum):
    INTACT = "intact"
    TORN = "torn"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Mention:
    """A line of a file as the first line of the next one names it."""

    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """`lines` and `last_seq` are of the good lines, `bytes` and `sha256` of the whole file. `torn`
    are the bytes of a last line without its end, in a file that nobody is writing any more."""

    path: Path
    status: Status
    lines: int = 0
    last_seq: int = 0
    bytes: int = 0
    sha256: str = ""
    torn: int = 0
    is_sealed: bool = False
    is_live: bool = False
    damage: Damage | None = None


def verify(path: Path, *, seal: Seal | None = None, mention: Mention | None = None) -> FileReport:
    """Raises `OSError` where it cannot be read; that it is gone is a finding."""
    try:
        is_live = names.is_live(path)
        if not is_live:
            _forget_cached(path)
        reader = Reader(path)
        damage = _read(reader, mention)
        size, sha256 = _whole(reader, path)
    except FileNotFoundError:
        return missing(path)
    if seal is not None and (damage is None or size < seal.bytes):
        damage = _against(seal, path, size, sha256) or damage
    torn = 0 if is_live or damage else reader.torn
    return FileReport(
        path,
        Status.DAMAGED if damage else Status.TORN if torn else Status.INTACT,
        lines=reader.lines,
        last_seq=reader.last.seq if reader.last else 0,
        bytes=size,
        sha256=sha256,
        torn=torn,
        is_sealed=reader.last is not None and reader.last.kind == line.SEAL,
        is_live=is_live,
        damage=damage,
    )


def missing(path: Path) -> FileReport:
    damage = Damage(path, Harm.MISSING, 0, "the file is not there")
    return FileReport(path, Status.DAMAGED, damage=damage)


def _read(reader: Reader, mention: Mention | None) -> Damage | None:
    mentioned = ""
    try:
        for each in reader:
            if mention is not None and each.seq == mention.seq:
                mentioned = each.digest
    except Damage as damage:
        return damage
    if mention is None or mentioned == mention.digest:
        return None
    if mentioned:
        detail = f"the next file names another line with sequence number {mention.seq}"
        return Damage(reader.path, Harm.REPLACED, 0, detail)
    detail = f"the next file follows sequence number {mention.seq}"
    return Damage(reader.path, Harm.TRUNCATED, reader.lines + 1, detail)


def _whole(reader: Reader, path: Path) -> tuple[int, str]:
    size = path.stat().st_size
    if size == reader.size:
        return size, reader.sha256
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _against(seal: Seal, path: Path, size: int, sha256: str) -> Damage | None:
    if size < seal.bytes:
        detail = f"it has {size} bytes; it was sealed with {seal.bytes}"
        return Damage(path, Harm.TRUNCATED, 0, detail)
    if size > seal.bytes:
        detail = f"it has {size} bytes; it was sealed with {seal.bytes}"
        return Damage(path, Harm.EXTENDED, seal.lines + 1, detail)
    if sha256 != seal.sha256:
        return Damage(path, Harm.REPLACED, 0, "its chain is whole, but it is not what was sealed")
    return None


def _forget_cached(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        disk.forget_cached(fd)
    finally:
        os.close(fd)
