"""An embedded PostgreSQL: no port, only a socket in a directory that nobody else may enter.

Any login is trusted on that socket, so the directory's 0700 is what guards the database.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil
import psycopg

from portal.stack.account import Account, give_to, service_account
from portal.stack.errors import StackError
from portal.stack.layout import (
    database_url,
    leave_socket_directory,
    make_socket_directory,
    socket_directory,
)
from portal.stack.postgres_install import Install, find_install, outside_directory
from portal.stack.process import Command, spawn, stop

SUPERUSER = "portal"
BUILTIN_LOCALE_SINCE = 17
STARTUP_TIMEOUT = 120.0  # a crash recovery may take a while
SHUTDOWN_TIMEOUT = 8.0
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "logging_collector": "off",
}
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def prepare_postgres(data_dir: Path, socket_dir: Path, *, fsync: bool = True) -> Command:
    """Makes the cluster if there is none, and returns what to run; nothing runs when this returns.

    `socket_dir` must come from `socket_directory()`.
    """
    account = service_account()
    install = find_install(account)
    make_socket_directory(socket_dir)
    data = _data_location(data_dir, account)
    if not (data / "PG_VERSION").exists():
        _initdb(install, data, account, fsync=fsync)
    _check_cluster(install, data_dir, data, account)
    _forget_dead_server(data, socket_dir)
    settings = {**SETTINGS, "unix_socket_directories": _quoted(socket_dir)}
    if not fsync:
        settings |= UNSAFE_BUT_FAST
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Command(
        argv=(str(install.bin / "postgres"), "-D", str(data), *options),
        env=_environment(),
        account=account,
        stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, writes a checkpoint
        orphan_signal=signal.SIGQUIT,  # immediate: the next start recovers from the log
    )


def _data_location(data_dir: Path, account: Account | None) -> Path:
    """Where the data are: here, or behind a link where PostgreSQL's account may not come here."""
    if data_dir.is_symlink() and not data_dir.parent.joinpath(data_dir.readlink()).parent.is_dir():
        msg = f"{data_dir} points to {data_dir.readlink()}, which is gone; restore it, or remove the link"
        raise StackError(msg)
    if data_dir.is_symlink() or data_dir.exists():
        return data_dir.resolve()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    if account is None or account.may_enter(data_dir.parent):
        return data_dir.resolve()
    # A name of its own, so that a new installation in the same place never meets old data.
    place = Path(tempfile.mkdtemp(dir=outside_directory(), prefix="data-"))
    place.chmod(0o711)
    data_dir.symlink_to(place / "postgres")
    return place / "postgres"


def _initdb(install: Install, data: Path, account: Account | None, *, fsync: bool) -> None:
    """Makes the cluster beside its place and moves it there, so that half of one is never found."""
    unfinished = data.with_name(f"{data.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700, parents=True)
    give_to(account, unfinished)
    locale = ["--locale=C.UTF-8"]
    if install.major >= BUILTIN_LOCALE_SINCE:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command = [
        str(install.bin / "initdb"),
        *("-D", str(unfinished), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"),
        *("--data-checksums", "--no-instructions", *locale),
        *([] if fsync else ["--no-sync"]),
    ]
    done = subprocess.run(  # noqa: S603
        command,
        env=_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        cwd="/",
    )
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        msg = f"The database could not be made: {_last_line(done.stderr)}"
        raise StackError(msg)
    if data.exists():
        data.rmdir()  # refuses a directory that holds anything
    unfinished.rename(data)


def _check_cluster(install: Install, shown: Path, data: Path, account: Account | None) -> None:
    owner = data.stat().st_uid
    if owner != (account.uid if account else os.geteuid()):
        msg = f"{shown} belongs to another user (uid {owner}); run Vigil as the user who made it"
        raise StackError(msg)
    major = (data / "PG_VERSION").read_text().strip()
    if major != str(install.major):
        msg = (
            f"{shown} was made by PostgreSQL {major}, this is {install.major}:"
            f" set PGBIN to the bin directory of a PostgreSQL {major}"
        )
        raise StackError(msg)


def _forget_dead_server(data: Path, socket_dir: Path) -> None:
    """Removes lock files whose process id now belongs to something that is no PostgreSQL.

    The server itself takes any living process of its user for another server. A real one, left by
    a supervisor that was killed, gets a moment to end.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.name() == "postgres":
            try:
                process.wait(SHUTDOWN_TIMEOUT)
            except psutil.TimeoutExpired:
                msg = f"Another PostgreSQL (process {pid}) is running on {data}; stop it first"
                raise StackError(msg) from None
    for lock in (data / "postmaster.pid", *socket_dir.glob(".s.PGSQL.*.lock")):
        lock.unlink(missing_ok=True)


def accepts_connections(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _environment() -> dict[str, str]:
    # Nothing of the caller's libpq or locale settings may change the cluster.
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _quoted(directory: Path) -> str:
    return '"' + str(directory).replace('"', '""') + '"'


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


class EmbeddedPostgres:
    """One server for the length of a `with` block, for tests and tools.

    With `fsync=False` it is a throw-away one: what it had to put outside its place goes with it.
    """

    def __init__(self, data_dir: Path, socket_dir: Path, *, fsync: bool = True) -> None:
        self.data_dir = data_dir
        self.socket_dir = socket_directory(socket_dir)
        self.fsync = fsync
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._command: Command | None = None

    def superuser_url(self, dbname: str) -> str:
        return self.url(SUPERUSER, dbname)

    def url(self, user: str, dbname: str) -> str:
        return database_url(self.socket_dir, user, dbname)

    def __enter__(self) -> Self:
        self._command = prepare_postgres(self.data_dir, self.socket_dir, fsync=self.fsync)
        self._output = self.log.open("ab")
        self._process = spawn(self._command, output=self._output, cwd="/")
        deadline = time.monotonic() + STARTUP_TIMEOUT
        while not accepts_connections(self.superuser_url("postgres")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                msg = f"PostgreSQL did not start: {_last_line(self.log.read_text())}"
                raise StackError(msg)
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._command is not None:
            stop(self._process, self._command, timeout=SHUTDOWN_TIMEOUT)
        if self._output is not None:
            self._output.close()
        leave_socket_directory(self.socket_dir)
        if not self.fsync and self.data_dir.is_symlink():
            # Nothing that anybody relies on, and nobody would look for it there.
            shutil.rmtree(self.data_dir.resolve().parent)
            self.data_dir.unlink()
