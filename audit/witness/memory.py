"""What a witness remembers: of each log, the latest checkpoint that it cosigned.

One file a log, replaced as a whole and synced before anybody is told. Fails closed: a record that
cannot be read is never taken for none. It holds on one machine, for all of its processes; a second
machine with files of its own would be a second witness under the same name, and must not be.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.witness.message import text_of


class MemoryUnavailable(Exception):
    """The witness cannot tell what it cosigned last, or cannot keep what it is about to."""


class Recollection:
    """One log's record, for as long as nobody else may touch it."""

    def __init__(self, path: Path, origin: str) -> None:
        self._path = path
        self._origin = origin

    def latest(self) -> Checkpoint | None:
        """None where nothing of this log was ever cosigned. Raises `MemoryUnavailable`."""
        try:
            note = self._path.read_bytes().decode()
            checkpoint = Checkpoint.parse(text_of(note))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, ProofError) as error:
            msg = f"{self._path} cannot be read: {error}"
            raise MemoryUnavailable(msg) from error
        if checkpoint.origin != self._origin:
            msg = f"{self._path} is the record of {checkpoint.origin}"
            raise MemoryUnavailable(msg)
        return checkpoint

    def remember(self, note: str) -> None:
        """On disk when this returns. Raises `MemoryUnavailable`."""
        self._write(self._path, note)

    def keep_fork(self, body: bytes) -> None:
        """The latest submission whose checkpoint contradicts the record: evidence against the log."""
        self._write(self._path.with_suffix(".fork"), body.decode())

    def _write(self, path: Path, text: str) -> None:
        unfinished = path.with_name(f"{path.name}.new")
        try:
            with unfinished.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync_directory(path.parent)
        except OSError as error:
            msg = f"{path} cannot be written: {error}"
            raise MemoryUnavailable(msg) from error


class Memory:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def of(self, origin: str) -> Iterator[Recollection]:
        """The log's record. No other thread or process of this machine has it meanwhile, so that
        what was read is still so when it is replaced."""
        path = self.directory / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"{self.directory} cannot be used: {error}"
            raise MemoryUnavailable(msg) from error
        try:
            # Of the open file, not of the process: it also keeps out this process's other threads.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Recollection(path, origin)
        finally:
            os.close(lock)


def _sync_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
