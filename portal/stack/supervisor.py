"""Keeps a set of processes running: starts them, restarts the one that ends, stops them all."""

import contextlib
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal.stack.errors import StackError
from portal.stack.logfile import LogFile
from portal.stack.process import Command, kill_group, spawn, stop
from portal.stack.terminal import Terminal

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
UNSTABLE_DEATHS = 5
UNSTABLE_WINDOW = 60.0
STOP_TIMEOUT = 4.0
TICK = 0.05
LONGEST_LINE = 64 * 1024


class Stopped(Exception):
    """Somebody asked the stack to stop."""


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    # Called for every start, since a restart may have to clear away what a killed process left.
    prepare: Callable[[], Command]


@dataclass(slots=True)
class Child:
    service: Service
    log: LogFile
    command: Command | None = None
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)
    restart_at: float | None = None
    told_unstable: bool = False
    last_line: str = ""

    def pause(self, now: float) -> float:
        """How long to wait before the next start, given the deaths of the last minute."""
        while self.deaths and self.deaths[0] < now - UNSTABLE_WINDOW:
            self.deaths.popleft()
        if len(self.deaths) < UNSTABLE_DEATHS:
            self.told_unstable = False
        return min(FIRST_PAUSE * 2.0 ** (len(self.deaths) - 1), LONGEST_PAUSE)


class Supervisor:
    """Runs in one thread, the main one; each child's output has a reading thread of its own."""

    def __init__(self, *, logs: Path, cwd: Path, terminal: Terminal) -> None:
        self._logs = logs
        self._cwd = cwd
        self._terminal = terminal
        self._children: dict[str, Child] = {}
        self._signals = 0

    def install_signal_handlers(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1

    def tick(self) -> None:
        """Lets a moment pass, looks after the children; raises `Stopped` when asked to stop."""
        time.sleep(TICK)
        if self._signals:
            raise Stopped
        self._terminal.tell_repeats()
        now = time.monotonic()
        for child in self._children.values():
            if child.process is not None and child.process.poll() is not None:
                self._ended(child, now)
            if child.restart_at is not None and now >= child.restart_at:
                self._launch(child)

    def start(self, service: Service) -> None:
        child = Child(service, LogFile(self._logs / f"{service.name}.log"))
        child.command = service.prepare()
        self._children[service.name] = child
        self._spawn(child, child.command)

    def run(self, name: str, command: Command) -> None:
        """Runs a command to its end; raises `StackError` with its last line when it fails."""
        child = Child(Service(name, lambda: command), LogFile(self._logs / f"{name}.log"))
        process = self._spawn(child, command)
        try:
            while process.poll() is None:
                self.tick()
        finally:
            stop(process, command, timeout=STOP_TIMEOUT)
            child.log.close()
        if process.returncode:
            msg = f"{name} failed: {child.last_line or _how(process)} (see {child.log.path})"
            raise StackError(msg)

    def wait_until(self, name: str, ready: Callable[[], bool], *, timeout: float) -> None:
        """Waits for a first start; raises `StackError` with the last line of one that fails."""
        child = self._children[name]
        deadline = time.monotonic() + timeout
        while not ready():
            if child.deaths or time.monotonic() > deadline:
                reason = f": {child.last_line}" if child.last_line else ""
                msg = f"{name} did not start{reason} (see {child.log.path})"
                raise StackError(msg)
            self.tick()

    def stop(self, tiers: Sequence[tuple[Sequence[str], float]]) -> None:
        """Stops the tiers one after the other; those in one at once, each tier in its seconds.

        A second signal while it stops ends everything at once.
        """
        self._terminal.quiet = True
        self._signals = 0
        for names, timeout in tiers:
            running = [
                (child.process, child.command)
                for name, child in self._children.items()
                if name in names and child.process is not None and child.command is not None
            ]
            for process, command in running:
                if process.poll() is None:
                    process.send_signal(command.stop_signal)
            deadline = time.monotonic() + timeout
            while any(process.poll() is None for process, _ in running):
                if self._signals or time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            for process, _ in running:
                kill_group(process)
        for child in self._children.values():
            child.log.close()

    def _ended(self, child: Child, now: float) -> None:
        process, child.process = child.process, None
        if process is None:
            return
        kill_group(process)
        self._schedule(child, now, f"ended ({_how(process)})")

    def _schedule(self, child: Child, now: float, what: str) -> None:
        child.deaths.append(now)
        pause = child.pause(now)
        child.restart_at = now + pause
        if child.told_unstable:
            return
        name = child.service.name
        if len(child.deaths) >= UNSTABLE_DEATHS:
            child.told_unstable = True
            text = f"{name} keeps ending, now tried every {pause:.0f} s; see {child.log.path}"
            self._terminal.line("vigil", text, "error")
        else:
            self._terminal.line("vigil", f"{name} {what}; starting it again", "warning")

    def _launch(self, child: Child) -> None:
        child.restart_at = None
        try:
            child.command = child.service.prepare()
            self._spawn(child, child.command)
        except (StackError, OSError) as error:
            child.last_line = str(error)
            self._schedule(child, time.monotonic(), f"cannot start ({error})")

    def _spawn(self, child: Child, command: Command) -> subprocess.Popen[bytes]:
        process = spawn(command, output=subprocess.PIPE, cwd=self._cwd)
        child.process = process
        name = f"{child.service.name}-log"
        threading.Thread(target=self._read, args=(child, process), name=name, daemon=True).start()
        return process

    def _read(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout as output, contextlib.suppress(ValueError, OSError):
            while line := output.readline(LONGEST_LINE):
                child.log.write(line)
                if text := line.decode(errors="replace").strip():
                    child.last_line = text
                    self._terminal.follow(child.service.name, text)


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
