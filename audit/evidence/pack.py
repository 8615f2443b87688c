"""Writes a pack: a ZIP whose bytes depend on nothing but what is in it."""

import hashlib
import stat
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO, Self

import rfc8785

MANIFEST = "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = (stat.S_IFREG | 0o644) << 16


class PackWriter:
    """One file at a time goes through memory; of each, its name and SHA-256 are kept. What ends
    without `finish` has no manifest, and is no pack."""

    def __init__(self, file: BinaryIO) -> None:
        # Without the extensions for large files, which not every tool reads and no pack needs.
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=False)
        self.digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._zip.close()

    def add(self, name: str, content: bytes) -> None:
        if name in self.digests:
            msg = f"{name} is in the pack already"
            raise ValueError(msg)
        self._write(name, content)
        self.digests[name] = hashlib.sha256(content).hexdigest()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Adds the manifest, which names all the others, as canonical JSON."""
        self._write(MANIFEST, rfc8785.dumps({**manifest, "files": self.digests}))
        # The table of contents, in the order of names; the files lie in the order they came.
        self._zip.filelist.sort(key=lambda member: member.filename)

    def _write(self, name: str, content: bytes) -> None:
        member = zipfile.ZipInfo(name, EPOCH)
        member.create_system, member.external_attr = _UNIX, _MODE
        self._zip.writestr(member, content, zipfile.ZIP_DEFLATED, 6)
