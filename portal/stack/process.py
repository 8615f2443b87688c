"""Starts one process that cannot outlive the process that started it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO

from portal.stack.account import Account

PR_SET_PDEATHSIG = 1
prctl: Callable[..., int] | None = (
    ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None
)


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    account: Account | None = None
    # What asks it to end in good order, and what the kernel sends it when its parent was killed.
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL


def spawn(
    command: Command, *, output: IO[bytes] | int, cwd: str | os.PathLike[str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own, so that a Ctrl-C reaches the supervisor alone.

    Call this from the main thread: Linux sends `orphan_signal` when the *thread* that forked ends.
    """
    account = command.account
    parent = os.getpid()

    def arrange() -> None:
        end_with_parent(command.orphan_signal)
        if os.getppid() != parent:  # it ended before the arrangement was made
            os._exit(1)

    return subprocess.Popen(  # noqa: S603
        command.argv,
        env=dict(command.env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        # Runs after the change of user, which would clear the setting. It takes no lock and
        # imports nothing, so that threads of the parent do not matter to it.
        preexec_fn=arrange,  # noqa: PLW1509
    )


def end_with_parent(orphan_signal: signal.Signals) -> None:
    """Asks the kernel to send this process a signal when its parent ends, where it can (Linux)."""
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)


def stop(process: subprocess.Popen[bytes], command: Command, *, timeout: float) -> None:
    """Ends a process and everything in its group, in good order if it does so in time."""
    if process.poll() is None:
        process.send_signal(command.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Also ends what a killed process left behind, such as the pool of a worker."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
