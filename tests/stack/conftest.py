import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.stack.account import Account, service_account
from portal.stack.processes import ROOT
from tests.stack.people import Person


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that PostgreSQL's account can reach, which pytest's own is not for root."""
    made = Path(tempfile.mkdtemp(prefix="vigil-stack-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def python_for_all() -> Iterator[str]:
    """An interpreter like ours that any user can run; ours may lie in root's private home."""
    account = service_account()
    if account is None or _can_run(sys.executable, account):
        yield sys.executable
        return
    copy = Path(tempfile.mkdtemp(prefix="vigil-python-"))
    copy.chmod(0o755)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (copy / "bin").mkdir()
    shutil.copy2(Path(sys.executable).resolve(), copy / "bin" / version)
    needless = shutil.ignore_patterns("site-packages", "test", "config-*", "idlelib", "*.opt-?.pyc")
    standard_library = Path(os.__file__).parent
    shutil.copytree(
        standard_library,
        copy / "lib" / version,
        ignore=needless,
        copy_function=_link,
        symlinks=True,
    )
    for shared in standard_library.parent.glob("libpython*"):
        _link(str(shared), str(copy / "lib" / shared.name))
    yield str(copy / "bin" / version)
    shutil.rmtree(copy)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _can_run(python: str, account: Account | None) -> bool:
    code = "import ctypes, django, psycopg, sys; print(sys.version)"
    try:
        done = Person(python=python, account=account).run("-c", code)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() == sys.version.strip()


@pytest.fixture
def ordinary_person(place: Path, python_for_all: str) -> Person:
    """Somebody who is not root and owns `place`."""
    account = service_account()
    if not _can_run(python_for_all, account):
        pytest.skip("no user but root can run this Python and its packages")
    if account is not None:
        os.chown(place, account.uid, account.gid)
    return Person(python=python_for_all, account=account)


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
