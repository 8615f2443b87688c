"""What a backup holds: each file with its digest, and the digest over all of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "manifest.json"
DUMP, CHECKPOINT, VKEY, JOURNAL = "database.dump", "checkpoint", "signer.pub", "journal"


class BadBackup(Exception):
    """It is not what was made, or no backup at all."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`size` is that of the checkpoint in it, `server` PostgreSQL's major version, `files` the
    SHA-256 of each file by its path below the backup."""

    made_at: str
    origin: str
    size: int
    server: int
    files: dict[str, str]
    version: int = 1


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed(directory: Path) -> dict[str, str]:
    """All files below it but the manifest itself. Raises `BadBackup` at what is no plain file."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BadBackup(f"{name} is no plain file")
        if path.is_file() and name != NAME:
            found[name] = sha256(path)
    return found


def write(directory: Path, manifest: Manifest) -> str:
    """Returns its SHA-256, which vouches for the whole backup."""
    path = directory / NAME
    path.write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")
    return sha256(path)


def read(directory: Path, *, expected: str = "") -> Manifest:
    """Holds every file against its digest, and the manifest against `expected` where that is given.
    Raises `BadBackup`."""
    try:
        raw = (directory / NAME).read_bytes()
        manifest = Manifest(**json.loads(raw))
    except (OSError, ValueError, TypeError) as error:
        raise BadBackup(f"{directory / NAME} cannot be read: {error}") from error
    if manifest.version != 1:
        raise BadBackup(f"it has version {manifest.version}, which this Vigil does not know")
    if expected and hashlib.sha256(raw).hexdigest() != expected.lower():
        raise BadBackup("the manifest is not the one with that digest")
    found = listed(directory)
    for name in sorted(manifest.files.keys() | found.keys()):
        if name not in found:
            raise BadBackup(f"{name} is missing")
        if name not in manifest.files:
            raise BadBackup(f"{name} does not belong to it")
        if found[name] != manifest.files[name]:
            raise BadBackup(f"{name} was changed since the backup was made")
    if missing := {DUMP, CHECKPOINT, VKEY} - found.keys():
        raise BadBackup(f"{', '.join(sorted(missing))} is missing")
    return manifest
