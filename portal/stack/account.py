"""Which system user PostgreSQL runs as: the caller, or, since it refuses root, `nobody`."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from portal.stack.errors import StackError


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    name: str

    def may_enter(self, directory: Path) -> bool:
        """Whether each directory from the root down to this one, if it exists, lets it in."""
        return all(self._may_pass(part) for part in (directory, *directory.parents))

    def _may_pass(self, directory: Path) -> bool:
        try:
            found = directory.stat()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def service_account() -> Account | None:
    """The account to step down to, or None where the caller is not root and stays what it is."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        msg = "PostgreSQL cannot run as root, and this system has no user 'nobody' to run it as"
        raise StackError(msg) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def give_to(account: Account | None, path: Path) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)
