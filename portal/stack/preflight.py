"""What must hold before anything starts; each failure is one line that says what to do."""

import contextlib
import errno
import fcntl
import os
import pwd
import secrets
import socket
import time
from pathlib import Path

import psutil

from portal.stack.account import service_account
from portal.stack.errors import StackError
from portal.stack.layout import Layout

KILLED_RUN_GRACE = 5.0


def prepare_var(layout: Layout) -> None:
    """Makes `var` and the directories in it; raises `StackError` when this user cannot use them."""
    is_new = not layout.var.exists()
    for directory in (layout.var, layout.keys, layout.logs):
        try:
            with contextlib.suppress(FileExistsError):
                directory.mkdir(mode=0o755 if directory == layout.var else 0o700, parents=True)
        except OSError as error:
            raise _unusable(layout.var, error) from None
        try:
            with os.scandir(directory):
                usable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
        except OSError as error:
            raise _unusable(layout.var, error) from None
        if not usable:
            raise _unusable(layout.var, PermissionError(errno.EACCES, "", str(directory)))
    if is_new and service_account() is not None:
        layout.var.chmod(0o755)  # whatever the umask: PostgreSQL's account passes through here
    ensure_secret_key(layout.secret_key, layout.var)


def ensure_secret_key(path: Path, var: Path) -> None:
    try:
        if path.exists():
            if not path.read_text().strip():
                msg = f"{path} is empty; remove it, and a new key is made (sessions end)"
                raise StackError(msg)
            return
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(
            os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w"
        ) as file:
            file.write(secrets.token_urlsafe(64) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError as error:
        raise _unusable(var, error) from None


def _unusable(var: Path, error: OSError) -> StackError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    place = error.filename or var
    owner = ""
    with contextlib.suppress(OSError, KeyError):
        uid = Path(place).stat().st_uid
        if uid != os.geteuid():
            owner = f" It belongs to {pwd.getpwuid(uid).pw_name}: run Vigil as that user."
    return StackError(
        f"{place} cannot be used: {reason}.{owner} VIGIL_VAR names another directory for the data."
    )


class Lock:
    """Held by the one supervisor of a `var` directory, for as long as it lives."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._file = -1
        self.last_run_was_killed = False

    def acquire(self) -> None:
        try:
            self._file = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(self._layout.var, error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            msg = (
                f"Vigil is already running in {self._layout.var} (process {holder or 'unknown'})."
                " Stop it first, or set VIGIL_VAR and VIGIL_PORT for a second one."
            )
            raise StackError(msg) from None
        self.last_run_was_killed = bool(os.read(self._file, 32))
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Marks the end as an orderly one. The kernel gives the lock back in any case."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def addresses(bind: str) -> list[str]:
    """The addresses to listen on. `localhost` is both loopback addresses, as browsers try both."""
    return ["127.0.0.1", "::1"] if bind == "localhost" else [bind.strip("[]")]


def free_addresses(bind: str, port: int, *, grace: bool) -> list[str]:
    """The addresses that exist here and are free; raises `StackError` when one is taken.

    `grace` gives the processes of a killed run a moment to end.
    """
    deadline = time.monotonic() + (KILLED_RUN_GRACE if grace else 0)
    usable = []
    for address in addresses(bind):
        while (failure := _try_to_bind(address, port)) is not None:
            if failure.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            if failure.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} and address == "::1":
                break  # a machine without IPv6
            raise _not_free(address, port, failure)
        else:
            usable.append(address)
    return usable


def _try_to_bind(address: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(target)
    except OSError as error:
        return error
    return None


def _not_free(address: str, port: int, error: OSError) -> StackError:
    if error.errno == errno.EADDRINUSE:
        return StackError(
            f"Port {port} on {address} is in use{_holder(port)}."
            " Stop that, or choose another port: VIGIL_PORT=8001 make run"
        )
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return StackError(
        f"Cannot listen on {address} port {port}: {reason}. VIGIL_BIND and VIGIL_PORT set both."
    )


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.pid
            if listens and tuple(connection.laddr)[1:] == (port,):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
