"""The verifier needs nothing of the product: any Python from 3.9 on, one package, no network."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit.evidence.contents import VERIFIER
from tests.audit.evidence.drafts import Draft

SOURCE = VERIFIER.read_text()
# Runs a program and fails where it opens a connection, starts another program or writes a file.
WATCHED = """
import runpy, sys

def watch(event, args):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system")):
        raise SystemExit(f"not allowed: {event}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        raise SystemExit(f"not allowed: writing {args[0]}")

sys.addaudithook(watch)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory with the verifier and nothing else of ours."""
    shutil.copy(VERIFIER, tmp_path / "verify.py")
    return tmp_path


def run(directory: Path, *arguments: str, program: str = "") -> subprocess.CompletedProcess[str]:
    """In a process that sees neither our sources nor our settings."""
    watched = ["-c", program] if program else []
    return subprocess.run(
        [sys.executable, "-I", "-B", *watched, "verify.py", *arguments],
        cwd=directory,
        env={"PATH": os.defpath, "LANG": "C"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_runs_by_itself_and_opens_no_connection(elsewhere: Path) -> None:
    draft = Draft(known=4)
    draft.write(elsewhere)
    (elsewhere / "kept").write_text(draft.checkpoint(4))
    before = sorted(path.name for path in elsewhere.iterdir())
    arguments = ("evidence.zip", "--vkey", draft.vkey, "--checkpoint", "kept", "--list")
    done = run(elsewhere, *arguments, program=WATCHED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("RESULT: verified\n")
    assert sorted(path.name for path in elsewhere.iterdir()) == before


def test_the_watch_over_it_would_notice(elsewhere: Path) -> None:
    for what in (
        "import socket; socket.socket()",
        "open('x', 'w')",
        "import os; os.system('true')",
    ):
        (elsewhere / "verify.py").write_text(what)
        assert "not allowed" in run(elsewhere, program=WATCHED).stderr


def test_its_exit_code_says_how_it_went(elsewhere: Path) -> None:
    draft = Draft()
    draft.replace("entries/000000000004.json", b"ada", b"eve")
    draft.write(elsewhere)
    assert run(elsewhere, "evidence.zip").returncode == 1
    assert run(elsewhere, "nowhere.zip").returncode == 2


def test_where_a_terminal_knows_only_ascii_it_still_says_all(elsewhere: Path) -> None:
    draft = Draft()
    draft.manifest["reason"] = "Prüfung – jährlich"
    draft.write(elsewhere)
    done = run(elsewhere, "evidence.zip")
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_written_for_python_3_9() -> None:
    """Its grammar. `match`, `except*` and unions in `isinstance` came later."""
    ast.parse(SOURCE, feature_version=(3, 9))
    calls = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Call)]
    assert not [
        keyword.arg
        for call in calls
        for keyword in call.keywords
        if keyword.arg in {"strict", "slots"}
    ]


def test_it_imports_the_standard_library_and_cryptography_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or ".").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_without_cryptography_it_says_what_it_needs(elsewhere: Path) -> None:
    program = "import sys; sys.modules['cryptography'] = None\n" + WATCHED
    done = run(elsewhere, "evidence.zip", program=program)
    assert (done.returncode, "pip install cryptography" in done.stderr) == (2, True)
