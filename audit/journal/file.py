"""One file of a journal, which one process appends to. Fails closed, and for good.

After a write or a sync that failed, nobody knows what is on the disk: the next sync may report
success for bytes that are gone. So a file that failed once takes no further line; the writer leaves
it as it is and begins another.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import structlog

from audit.journal import disk, line, names
from audit.journal.errors import JournalUnavailable

log = structlog.get_logger(__name__)

DAY = 86_400
FINISHED = "finished"
LONGEST_WAIT = 1.0
"""Seconds until a waiting thread looks for itself, should nobody wake it."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The last line written, or the last one known to be on the disk. Replaced as a whole, so that
    it is read without a lock."""

    seq: int
    digest: str
    size: int


class JournalFile:
    """`append` and `seal` are called by one thread at a time, `sync` by any number."""

    def __init__(self, path: Path, fd: int, *, writer: str, tip: Tip) -> None:
        self.path = path
        self.writer = writer
        self.day = int(time.time() // DAY)
        self.failed = ""
        self.lines = 0
        self.syncs = 0
        self.tip = self.safe = tip
        self._fd = fd
        self._identity = _identity(os.fstat(fd))
        self._running = hashlib.sha256()
        self._turn = threading.Condition(threading.RLock())
        self._leader: int | None = None

    @classmethod
    def create(
        cls, directory: Path, *, writer: str, number: int, after: Tip, fields: Mapping[str, Any]
    ) -> Self:
        """A new file whose first line is on the disk. Raises `JournalUnavailable`, leaving none."""
        path = directory / names.new(writer, number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise JournalUnavailable(f"no new file can be made: {error}") from error
        file = cls(path, fd, writer=writer, tip=Tip(after.seq, after.digest, 0))
        try:
            # Held while the process lives: others tell by it whether the file may still grow. It
            # is taken before there is a line, and a file without one is nobody's evidence.
            fcntl.flock(fd, fcntl.LOCK_EX)
            file.sync(file.append(line.OPEN, fields))
            disk.sync_directory(directory)
        except BaseException as error:
            file.close()
            with contextlib.suppress(OSError):
                path.unlink()
            if isinstance(error, OSError | JournalUnavailable):
                raise JournalUnavailable(f"no new file can be begun: {error}") from error
            raise
        return file

    @property
    def is_usable(self) -> bool:
        return not self.failed

    @property
    def fd(self) -> int:
        return self._fd

    def append(self, kind: str, fields: Mapping[str, Any]) -> int:
        """Writes the line and returns its number; `sync` makes it last.

        Raises `JournalUnavailable`; `BadLine`, which leaves the file as it was.
        """
        before = self.tip
        seq = before.seq + 1
        raw = line.encode(writer=self.writer, seq=seq, kind=kind, prev=before.digest, fields=fields)
        self.check()
        data = raw + b"\n"
        try:
            written = disk.write(self._fd, data)
        except OSError as error:
            raise self.fail(f"a line could not be written: {error}") from error
        if written != len(data):
            raise self.fail(f"the disk took {written} of {len(data)} bytes")
        self.tip = Tip(seq, line.digest(raw), before.size + len(data))
        self.lines += 1
        self._running.update(data)
        return seq

    def sync(self, seq: int) -> None:
        """Returns once the line is on the disk. Who comes while another thread syncs waits, and
        whatever was written by then goes with the next sync: one for all that waited together."""
        me = threading.get_ident()
        is_leading = False
        try:
            with self._turn:
                # This thread's own sync goes on below it where a signal handler interrupted it.
                while self.safe.seq < seq and self._leader not in {None, me}:
                    self._turn.wait(LONGEST_WAIT)
                if self.safe.seq >= seq:
                    return
                if self._leader is None:
                    self._leader = me
                    is_leading = True
            self._sync_now(seq)
        finally:
            if is_leading:
                # First, and by itself: nothing that interrupts here can keep the others waiting.
                self._leader = None
                with self._turn:
                    self._turn.notify_all()

    def _sync_now(self, seq: int) -> None:
        if self.failed:
            raise JournalUnavailable(self.failed)
        tip = self.tip
        try:
            disk.sync_data(self._fd)
            found = os.fstat(self._fd)
        except OSError as error:
            if self.safe.seq >= seq:  # A signal handler sealed and closed it in the meantime.
                return
            raise self.fail(f"the disk did not keep a line: {error}") from error
        self._still_there(found)
        self.syncs += 1
        self.safe = tip

    def check(self) -> None:
        """Raises `JournalUnavailable` unless it is where it was, and as this process left it."""
        if self.failed:
            raise JournalUnavailable(self.failed)
        try:
            found = os.fstat(self._fd)
        except OSError as error:
            raise self.fail(f"the file cannot be looked at: {error}") from error
        if found.st_size != self.tip.size:
            raise self.fail(f"it has {found.st_size} bytes; {self.tip.size} were written to it")
        if not found.st_mode & stat.S_IWUSR:
            raise self.fail("its permission to be written was taken away")
        self._still_there(found)

    def seal(self) -> None:
        """The last line, with the count and digest of all before it. Then it takes no more."""
        fields = {
            "lines": self.lines,
            "bytes": self.tip.size,
            "sha256": self._running.hexdigest(),
        }
        self.sync(self.append(line.SEAL, fields))
        self.close()

    def close(self) -> None:
        with self._turn:
            while self._leader not in {None, threading.get_ident()}:
                self._turn.wait(LONGEST_WAIT)
            self.failed = self.failed or FINISHED
            self.close_inherited()

    def close_inherited(self) -> None:
        """In a forked child: the parent's own descriptor stays open, and the file locked."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def fail(self, reason: str) -> JournalUnavailable:
        if not self.failed:
            self.failed = reason
            log.critical("journal_failed", file=self.path.name, reason=reason)
        return JournalUnavailable(reason)

    def _still_there(self, found: os.stat_result) -> None:
        if found.st_nlink == 0:
            raise self.fail("the file was deleted")
        try:
            there = os.lstat(self.path)
        except OSError as error:
            raise self.fail(f"the file is not where it was: {error}") from error
        if _identity(there) != self._identity:
            raise self.fail("another file stands in its place")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
