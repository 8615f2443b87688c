"""Makes a backup: on record before anything is read, and again, with its digest, once it is whole.

A `backup_begun` without its `backup_made` is one that failed. The signing key and the signer's memory
never go in: together with an old database they would let it sign another past.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from audit import journal
from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.journal import disk, names
from audit.ledger import keys, tree
from audit.models import Checkpoint
from audit.principal import Principal
from audit.record import current
from portal.backup import manifest, tools
from portal.lib.errors import Conflict

# All there is will be read: like every read of the record it waits for the checkpoint over its event.
BEGIN = Action(
    "audit:backup:begin", event="backup_begun", is_for_system=True, awaits_checkpoint=True
)
MAKE = Action("audit:backup:make", event="backup_made", is_for_system=True)
KIND = "audit.backup"


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    sha256: str
    size: int


def backup_make(*, to: Path, by: Principal) -> Backup:
    """Writes a new directory. Raises `FileExistsError`, `ToolFailed`, `Conflict` where nothing is
    signed yet, and what a governed call raises."""
    if to.exists():
        raise FileExistsError(to)
    connection.ensure_connection()
    server = tools.major_of(connection.connection)
    dump = tools.find("pg_dump", server=server)
    _newest()
    subject = Resource(KIND, to.name)
    _begin(backup=subject, by=by)
    checkpoint = _newest()
    unfinished = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}-"))
    try:
        (unfinished / manifest.CHECKPOINT).write_text(checkpoint.note)
        (unfinished / manifest.VKEY).write_text(keys.verifier_key() + "\n")
        _dump(dump, unfinished / manifest.DUMP)
        # After the dump, so that it speaks of every event in it.
        _copy_journal(unfinished / manifest.JOURNAL)
        made = manifest.Manifest(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            origin=settings.LEDGER_ORIGIN,
            size=checkpoint.size,
            server=server,
            files=manifest.listed(unfinished),
        )
        digest = manifest.write(unfinished, made)
        _sync(unfinished)
        _made(backup=subject, by=by, sha256=digest, size=checkpoint.size, files=len(made.files))
        unfinished.rename(to)
        disk.sync_directory(to.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Backup(to, digest, checkpoint.size)


def _newest() -> Checkpoint:
    checkpoint = tree.latest_checkpoint()
    if checkpoint is None:
        raise Conflict("No checkpoint has been signed yet; a backup could not be verified.")
    return checkpoint


@governed(BEGIN, on="backup")
def _begin(*, backup: Resource, by: Principal) -> None:
    """Reading all there is begins with its record."""


@governed(MAKE, on="backup")
def _made(*, backup: Resource, by: Principal, sha256: str, size: int, files: int) -> None:  # noqa: ARG001
    current().note(sha256=sha256, checkpoint_size=size, files=files)


def _dump(tool: Path, to: Path) -> None:
    login = dict(connection.get_connection_params())
    role = connection.settings_dict["OPTIONS"].get("assume_role")
    options = ["--format=custom", "--lock-wait-timeout=60000", f"--file={to}"]
    tools.run(tool, *options, *([f"--role={role}"] if role else []), login=login)


def _copy_journal(to: Path) -> None:
    """Whole lines only: what is being written while it is copied goes with the next backup."""
    to.mkdir()
    for name in names.files(journal.directory()):
        raw = name.path.read_bytes()
        (to / name.path.name).write_bytes(raw[: raw.rfind(b"\n") + 1])


def _sync(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
    disk.sync_directory(directory)
