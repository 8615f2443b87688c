import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.stack.account import service_account
from portal.stack.processes import ROOT
from tests.stack.people import Person


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that PostgreSQL's account can reach, which pytest's own is not for root."""
    made = Path(tempfile.mkdtemp(prefix="vigil-stack-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def ordinary_person(place: Path) -> Person:
    """Somebody who is not root, owns `place`, and has a Python, as root's may be out of reach."""
    account = service_account()
    if account is None:
        return Person(python=sys.executable, account=None)
    os.chown(place, account.uid, account.gid)
    for python in (sys.executable, "/usr/bin/python3"):
        person = Person(python=python, account=account)
        try:
            done = person.run("-c", "import sys; print(sys.version_info[:2])")
        except (OSError, subprocess.SubprocessError):
            continue
        if done.stdout.strip() == str(sys.version_info[:2]):
            return person
    pytest.skip("no Python of this version that a user other than root can run")


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
