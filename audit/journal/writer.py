"""One process's journal. Fails closed: an intent that is not on the disk was never taken.

Safe for threads, for a fork (a child begins a journal of its own) and for signal handlers: one that
interrupts a write is refused, one that interrupts a wait is served.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from audit.journal import disk, line
from audit.journal.errors import JournalUnavailable
from audit.journal.file import DAY, FINISHED, JournalFile, Tip
from audit.journal.flusher import Flusher
from audit.journal.intent import Intent
from audit.journal.outage import Outage, Unlisted, attempt
from audit.journal.space import Guard
from portal.lib.errors import FieldError, ValidationFailed

log = structlog.get_logger(__name__)

MAX_FILE = 64 * 1024 * 1024
RETRY_AFTER = 1.0
"""Seconds until a new file is tried again: not at every request while the disk is full."""


class Writer:
    def __init__(
        self, directory: Path, *, max_file: int = MAX_FILE, guard: Guard | None = None
    ) -> None:
        self.directory = directory
        self.max_file = max_file
        self.guard = guard or Guard()
        self._begin()

    def _begin(self) -> None:
        self.id = str(uuid.uuid4())
        self.file: JournalFile | None = None
        self._number = 0
        self._lock = threading.RLock()
        self._is_busy = False
        self._retry_at = 0.0
        self._outage = Outage()
        self._unlisted = Unlisted()
        self._flusher = Flusher()

    def begin_in_child(self) -> None:
        """After a fork: another writer, whose locks no thread of the parent holds."""
        inherited = self.file
        self._begin()
        if inherited is not None:
            inherited.close_inherited()

    def intent(self, *, event_id: int | None = None, **fields: Any) -> Intent:
        """Returns once it is on the disk. Raises `JournalUnavailable`: then nothing may be done."""
        seq = self.note(line.INTENT, event=event_id, **fields)
        return Intent(self, writer=self.id, seq=seq, event_id=event_id)

    def note(self, kind: str, **fields: Any) -> int:
        """Any line that must be on the disk before its writer goes on; returns its number."""
        try:
            with self._alone():
                file = self._usable(guarded=True)
                if self._outage.is_on:
                    self._resume(file)
                if kind == line.INTENT and fields.get("verdict") == "allow":
                    for of, count in self._unlisted.take().items():
                        file.append(line.REFUSED, {"of": of, "count": count})
                seq = file.append(kind, fields)
            file.sync(seq)
        except JournalUnavailable as error:
            self._outage.refused(error.reason, kind, fields)
            raise
        except line.BadLine as error:
            raise ValidationFailed([FieldError("journal", str(error))]) from error
        return seq

    def refused(self, *, of: str, why: str, **fields: Any) -> None:
        """Writes down who tried what, where it was refused before it could be meant: while the
        ledger or the database was away. Never raises; what the journal does not take, it is told of
        once it takes lines again."""
        if not self._unlisted.is_listed(of):
            return
        try:
            self.note(line.REFUSED, **attempt(fields, of=of, why=why))
        except (JournalUnavailable, ValidationFailed) as error:
            log.critical("journal_attempt_lost", reason=str(error))

    def _resume(self, file: JournalFile) -> None:
        """First who was refused, each taken off the list once its line is there; then that it is
        over."""
        waiting = self._outage.attempts
        while waiting:
            file.append(line.REFUSED, waiting[0])
            waiting.popleft()
        file.append(line.RESUMED, self._outage.to_json())
        self._outage = Outage()

    def outcome(self, intent: Intent, fields: Mapping[str, Any]) -> None:
        """Never raises, and may use the last of the disk, which intents leave free for it."""
        if intent.writer != self.id:
            log.critical("journal_outcome_lost", intent=intent.seq, reason="the process forked")
            return
        try:
            with self._alone():
                file = self._usable(guarded=False)
                file.append(line.OUTCOME, fields)
                self._flusher.soon(file)
        except (JournalUnavailable, line.BadLine) as error:
            log.critical("journal_outcome_lost", intent=intent.seq, reason=str(error))

    def preflight(self) -> None:
        """Raises `JournalUnavailable` where an intent would be refused now. Where the last file
        failed it begins the next one, without waiting for an intent to do so."""
        with self._alone():
            self._retry_at = 0.0
            self._usable(guarded=True).check()

    def close(self) -> None:
        """Seals the file; the next intent begins another."""
        self._flusher.stop()
        try:
            with self._alone():
                if self.file is not None and self.file.is_usable:
                    self.file.seal()
        except JournalUnavailable as error:
            log.warning("journal_unsealed", reason=error.reason)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock:
            if self._is_busy:
                raise JournalUnavailable("a signal handler asked in the middle of a write")
            self._is_busy = True
            try:
                yield
            finally:
                self._is_busy = False

    def _usable(self, *, guarded: bool) -> JournalFile:
        file = self.file
        if file is None or not file.is_usable:
            return self._next(file, guarded=guarded)
        if guarded:
            self.guard.look(file.fd)
        if file.tip.size >= self.max_file or file.day != time.time() // DAY:
            file.seal()
            return self._next(file, guarded=guarded)
        return file

    def _next(self, last: JournalFile | None, *, guarded: bool) -> JournalFile:
        """A new file, which refers to the last one and to the line of it that is surely there."""
        if time.monotonic() < self._retry_at:
            raise JournalUnavailable("the last file failed, and the next one a moment ago")
        self._retry_at = time.monotonic() + RETRY_AFTER
        try:
            disk.make_directory(self.directory, 0o700)
        except OSError as error:
            raise JournalUnavailable(f"there is no directory for it: {error}") from error
        if guarded:
            self.guard.look(self.directory)
        fields: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "after": None}
        tip = Tip(0, line.NOTHING, 0)
        if last is not None:
            last.close()
            fields["after"] = {"file": last.path.name, "why": last.failed, "seq": last.safe.seq}
            # One line more than was counted may have reached a file that failed.
            uncounted = 0 if last.failed == FINISHED else 1
            tip = Tip(last.tip.seq + uncounted, last.safe.digest, 0)
        self.file = JournalFile.create(
            self.directory, writer=self.id, number=self._number + 1, after=tip, fields=fields
        )
        self._number += 1
        self._retry_at = 0.0
        return self.file
