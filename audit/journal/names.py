"""The files in a journal's directory: when each began, whose it is, and which of its writer's.

20260212T183000Z-6f1c0c6e-4f0b-4c55-9a3e-0d9f6f1f5a11-1.jsonl
"""

import fcntl
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_NAME = re.compile(r"\d{8}T\d{6}Z-(?P<writer>[0-9a-f-]{36})-(?P<number>[1-9]\d*)\.jsonl", re.ASCII)


@dataclass(frozen=True, slots=True)
class Name:
    path: Path
    writer: str
    number: int


def new(writer: str, number: int) -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{writer}-{number}.jsonl"


def parse(path: Path) -> Name | None:
    match = _NAME.fullmatch(path.name)
    return Name(path, match["writer"], int(match["number"])) if match else None


def files(directories: Path | Iterable[Path]) -> list[Name]:
    """All of them, a writer's in its own order; none where there is no directory yet."""
    each = [directories] if isinstance(directories, Path) else directories
    found = [
        name
        for directory in each
        if directory.is_dir()
        for path in directory.iterdir()
        if (name := parse(path))
    ]
    first: dict[str, str] = {}
    for name in found:
        first[name.writer] = min(name.path.name, first.get(name.writer, name.path.name))
    return sorted(found, key=lambda name: (first[name.writer], name.number))


def is_live(path: Path) -> bool:
    """Whether its writer may still append to it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
