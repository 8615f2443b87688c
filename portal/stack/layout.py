"""Where one installation keeps its files, all below one `var` directory."""

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from portal.stack.account import give_to, service_account
from portal.stack.errors import StackError

# A Unix socket's path has 107 usable bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
SHORT = Path("/tmp")  # noqa: S108 - what is made in it is 0700 and its owner is checked


def socket_directory(preferred: Path) -> Path:
    """This directory, or a private short one where it cannot hold the sockets of the services.

    It cannot when a socket's path would be too long, when PostgreSQL's account may not pass a
    directory above it, or when its name holds a comma, which separates hosts in a database URL.
    """
    account = service_account()
    if (
        len(os.fsencode(preferred / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH
        and "," not in str(preferred)
        and (account is None or account.may_enter(preferred.parent))
    ):
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:16]
    return SHORT / f"vigil-{os.geteuid()}-{digest}"


def make_socket_directory(directory: Path) -> None:
    """Makes it so that nobody but PostgreSQL's account, and root, can reach what listens in it."""
    account = service_account()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    allowed = {os.geteuid(), account.uid} if account else {os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
        msg = f"{directory} belongs to somebody else; remove it, or set VIGIL_VAR to another place"
        raise StackError(msg)
    directory.chmod(0o700)
    give_to(account, directory)


def leave_socket_directory(directory: Path) -> None:
    """Removes one that was made elsewhere, unless another service still has a socket in it."""
    if directory.parent == SHORT:
        with contextlib.suppress(OSError):
            directory.rmdir()


@dataclass(frozen=True, slots=True)
class Layout:
    var: Path

    @property
    def sockets(self) -> Path:
        return socket_directory(self.var / "run")

    @property
    def broker_socket(self) -> Path:
        return self.sockets / "broker"

    @property
    def postgres(self) -> Path:
        return self.var / "postgres"

    @property
    def broker(self) -> Path:
        return self.var / "broker"

    @property
    def keys(self) -> Path:
        return self.var / "keys"

    @property
    def secret_key(self) -> Path:
        return self.keys / "secret_key"

    @property
    def signer_key(self) -> Path:
        return self.keys / "signer"

    @property
    def first_run(self) -> Path:
        return self.keys / "first-run.txt"

    @property
    def journal(self) -> Path:
        return self.var / "journal"

    @property
    def static(self) -> Path:
        return self.var / "static"

    @property
    def static_fingerprint(self) -> Path:
        return self.var / "static.sha256"

    @property
    def logs(self) -> Path:
        return self.var / "logs"

    @property
    def lock(self) -> Path:
        return self.var / "lock"

    @property
    def watchdog(self) -> Path:
        return self.var / "watchdog.json"

    @property
    def beats(self) -> Path:
        return self.var / "beats"

    def database_url(self, user: str, name: str = "vigil") -> str:
        return database_url(self.sockets, user, name)

    def broker_url(self, database: int = 0) -> str:
        return f"redis+socket://{quote(str(self.broker_socket))}?virtual_host={database}"

    def cache_url(self, database: int = 1) -> str:
        return f"unix://{quote(str(self.broker_socket))}?db={database}"


def database_url(sockets: Path, user: str, name: str) -> str:
    return f"postgresql://{user}@/{name}?host={quote(str(sockets), safe='')}"
