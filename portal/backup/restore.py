"""Restores a backup into an empty database, and verifies what came out of it."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from audit.ledger import keys
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.proofs.keys import Verifier
from portal.backup import manifest, tools
from portal.backup.manifest import BadBackup, Manifest
from portal.stack.processes import ROOT
from portal.stack.roles import OWNER


class NotEmpty(Exception):
    """There is something in the database already, or it is not prepared for Vigil."""


def check(source: Path, *, sha256: str = "") -> Manifest:
    """Digests, key and signature, before anything is touched. Raises `BadBackup`."""
    found = manifest.read(source, expected=sha256)
    vkey = (source / manifest.VKEY).read_text().strip()
    ours = keys.verifier_key()
    if ours and vkey != ours:
        raise BadBackup("it is of a log with another key than the one of this installation")
    try:
        note = (source / manifest.CHECKPOINT).read_bytes()
        signed = Checkpoint.open(note, [Verifier.parse(vkey)], origin=found.origin)
    except ProofError as error:
        raise BadBackup(f"its checkpoint is not signed by its key: {error}") from error
    if signed.size != found.size:
        raise BadBackup(f"its checkpoint is of {signed.size} entries, not {found.size}")
    return found


_THINGS = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
"""


def restore(source: Path, url: str) -> None:
    """All or nothing, in one transaction. Raises `NotEmpty`, `ToolFailed`, `psycopg.Error`."""
    with psycopg.connect(url, connect_timeout=10) as database:
        things = database.execute(_THINGS).fetchone()
        if things != (0,):
            raise NotEmpty("The database is not empty; restore into a new one.")
        role = database.execute(
            "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", [OWNER]
        ).fetchone()
        if role != (True,):
            msg = (
                f"This login cannot become {OWNER}: run `manage.py prepare_database` for this"
                " server and database first, and use the same login."
            )
            raise NotEmpty(msg)
        tool = tools.find("pg_restore", server=tools.major_of(database))
    options = ["--no-owner", f"--role={OWNER}", "--exit-on-error", "--single-transaction"]
    login: dict[str, object] = dict(conninfo_to_dict(url))
    tools.run(tool, *options, str(source / manifest.DUMP), login=login)


def verify(source: Path, url: str) -> tuple[bool, str]:
    """What `verify_ledger` says of the restored database, rows included, from the backup's own
    checkpoint on. In a process of its own, which is pointed at that database."""
    done = subprocess.run(  # noqa: S603
        [
            *(sys.executable, str(ROOT / "manage.py"), "verify_ledger", "--rows"),
            *("--from-checkpoint", str(source / manifest.CHECKPOINT)),
        ],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": url,
            "VIGIL_DATABASE_ROLE": OWNER,
            # Where the key's public half lies beside: the backup's, which `check` compared with ours.
            "VIGIL_SIGNER_KEY": str((source / manifest.VKEY).with_suffix("")),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, (done.stdout or done.stderr).strip()
