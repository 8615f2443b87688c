"""An archive: one ZIP that holds a partition's entries and all that their proofs need, offline.

Memory holds 32 bytes an entry, the rest is streamed. Nothing in it is taken on trust: `ArchiveFile`
computes the root from the entries, and holds it against the checkpoint that the log signed.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from audit.evidence.pack import EPOCH
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.proofs.merkle import HASH_SIZE, inclusion_proof, leaf_hash, verify_inclusion
from audit.proofs.note import Verifier
from audit.proofs.tlog_proof import TlogProof
from audit.retention.subtree import Node, Subtree, ranges_of

FORMAT = "vigil-archive/1"
MANIFEST = "manifest.json"
# Longer than any entry or list of changes; a line beyond it is no line of ours.
MAX_LINE = 1 << 30


class ArchiveWriter:
    """Adds one file after the other, each streamed; what ends without `finish` is no archive."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._zip.close()

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        with self._zip.open(_member(name), "w", force_zip64=True) as into:
            for chunk in chunks:
                digest.update(chunk)
                into.write(chunk)
        self._digests[name] = digest.hexdigest()

    def finish(self, manifest: dict[str, Any]) -> None:
        body = {"format": FORMAT, **manifest, "files": self._digests}
        self.add(MANIFEST, [json.dumps(body, indent=1, sort_keys=True).encode()])


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


@dataclass(frozen=True, slots=True)
class Entry:
    index: int
    number: int
    entry: bytes


class ArchiveFile:
    """A file that says it is an archive. Raises `ProofError` for whatever does not hold."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
            self._files: dict[str, str] = dict(self.manifest["files"])
            self.note = self._zip.read("checkpoint").decode()
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ProofError(f"{path.name} is no archive: {error}") from error
        if self.manifest.get("format") != FORMAT:
            raise ProofError(f"{path.name} is no archive of the form {FORMAT}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._zip.close()

    def entries(self) -> Iterator[Entry]:
        """In the order of the log."""
        with self._zip.open("places.ndjson") as places, self._zip.open("entries.ndjson") as entries:
            for place in _lines(places):
                index, number = json.loads(place)
                entry = entries.readline(MAX_LINE)
                if not entry.endswith(b"\n"):
                    raise ProofError(f"the entry of event {number} is missing")
                yield Entry(index, number, entry[:-1])
            if entries.read(1):
                raise ProofError("it has entries that have no place")

    def changes(self) -> Iterator[tuple[int, str]]:
        """(event, list) of those that changed more rows than an entry lists itself."""
        with self._zip.open("changes.ndjson") as file:
            for line in _lines(file):
                number, listed = json.loads(line)
                yield number, listed

    def check(self, verifiers: Sequence[Verifier]) -> Checkpoint:
        """The checkpoint, once every file and every entry is known to be what was sealed."""
        try:
            self._check_files()
            checkpoint, _ = Checkpoint.open_by(self.note, verifiers)
            tree, first = self._tree()
            if first is None:
                raise ProofError("it has no entries")
            # The proof of one leaf is made of all the others: every entry is in it.
            proof = inclusion_proof(first, checkpoint.size, tree.node)
            verify_inclusion(
                leaf=tree.leaf(first),
                index=first,
                size=checkpoint.size,
                proof=proof,
                root=checkpoint.root,
            )
        except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ProofError(f"it is damaged: {error}") from error
        return checkpoint

    def prove(self, number: int) -> tuple[bytes, TlogProof]:
        """One event's entry, and its proof under the archive's checkpoint."""
        tree, _ = self._tree()
        for found in self.entries():
            if found.number == number:
                size = Checkpoint.parse(self.note.rpartition("\n\n")[0] + "\n").size
                hashes = inclusion_proof(found.index, size, tree.node)
                return found.entry, TlogProof(found.index, tuple(hashes), self.note)
        raise ProofError(f"event {number} is not in it")

    def _check_files(self) -> None:
        if {*self._files, MANIFEST} != set(self._zip.namelist()):
            raise ProofError("its files are not those that its manifest names")
        for name, expected in self._files.items():
            digest = hashlib.sha256()
            with self._zip.open(name) as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
            if digest.hexdigest() != expected:
                raise ProofError(f"{name} is not what was sealed")

    def _tree(self) -> tuple[Subtree, int | None]:
        leaves = bytearray()

        def indexes() -> Iterator[int]:
            for found in self.entries():
                if json.loads(found.entry)["id"] != found.number:
                    raise ProofError(f"the entry at {found.index} is not event {found.number}")
                leaves.extend(leaf_hash(found.entry))
                yield found.index

        ranges = ranges_of(indexes())
        if len(leaves) != self.manifest["events"] * HASH_SIZE:
            raise ProofError("it has not as many entries as it says")
        parts, at = [], 0
        for start, end in ranges:
            length = (end - start) * HASH_SIZE
            parts.append((start, bytes(leaves[at : at + length])))
            at += length
        return Subtree(parts, self._nodes()), ranges[0][0] if ranges else None

    def _nodes(self) -> dict[Node, bytes]:
        found = {}
        for name, digest in json.loads(self._zip.read("nodes.json")).items():
            level, _, index = name.partition("/")
            found[int(level), int(index)] = bytes.fromhex(digest)
        return found


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE):
        yield line
