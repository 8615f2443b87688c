"""What was done to an archive that is not the file on record.

What such a file says of itself proves nothing. So its entries are held against the log's own leaves,
and its checkpoint against the keys that are trusted.
"""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from audit.ledger import keys
from audit.ledger.kinds import Kind
from audit.models import Leaf
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError, UnverifiedNoteError
from audit.proofs.merkle import leaf_hash
from audit.retention.archive import ArchiveFile, Entry
from audit.retention.dropped import DroppedRange

FETCHED = 2000
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Harm:
    kind: Kind
    detail: str
    index: int | None = None


def diagnose(each: DroppedRange, path: Path, digest: str, digests: dict[str, str]) -> Harm:
    """`digest` is the file's, which is not the one on record; `digests` are the names of all archives
    by theirs."""
    if digest in digests:
        return Harm(Kind.ARCHIVE_SWAPPED, f"is {digests[digest]}")
    if not zipfile.is_zipfile(path):
        return Harm(Kind.ARCHIVE_TRUNCATED, "has no end that says what is in it")
    try:
        with ArchiveFile(path) as archive:
            harm = first_harm(archive, each)
            foreign = _foreign(archive) if harm else None
            return foreign or harm or _rest(archive)
    except (*DAMAGE, ProofError, OSError, ValueError, KeyError, TypeError) as error:
        detail = f"is not the file that was sealed, and cannot be read: {error}"
        return Harm(Kind.ARCHIVE_BROKEN, detail)


def first_harm(archive: ArchiveFile, each: DroppedRange) -> Harm | None:
    """The first entry that is not the log's, by its own leaves in their order."""
    found = archive.entries()
    leaves = Leaf.objects.filter(event_id__gte=each.first, event_id__lt=each.end)
    for leaf in leaves.order_by("index").iterator(FETCHED):
        try:
            entry = next(found, None)
        except ProofError:  # Its place is there, and nothing in it.
            entry = None
        if entry is None or entry.index > leaf.index or _is_later(entry, leaf, each):
            detail = f"lacks the entry of event {leaf.event_id}"
            return Harm(Kind.ARCHIVE_ENTRY_MISSING, detail, leaf.index)
        if (entry.index, entry.number) != (leaf.index, leaf.event_id) or leaf_hash(
            entry.entry
        ) != bytes(leaf.leaf_hash):
            detail = f"event {entry.number} is not what is in the log"
            return Harm(Kind.ARCHIVE_CHANGED, detail, leaf.index)
    try:
        more = next(found, None)
    except ProofError as error:
        return Harm(Kind.ARCHIVE_CHANGED, str(error))
    return Harm(Kind.ARCHIVE_CHANGED, f"event {more.number} is not of it", None) if more else None


def _is_later(entry: Entry, leaf: Leaf, each: DroppedRange) -> bool:
    """Whether it belongs behind this place: where one was taken out, the others moved up."""
    computed = leaf_hash(entry.entry)
    if computed == bytes(leaf.leaf_hash):
        return False
    later = Leaf.objects.filter(index__gt=leaf.index, event_id__gte=each.first)
    return later.filter(event_id__lt=each.end, leaf_hash=computed).exists()


def _foreign(archive: ArchiveFile) -> Harm | None:
    """Whether a log that is not this one signed it."""
    try:
        Checkpoint.open_by(archive.note, keys.trusted())
    except UnverifiedNoteError as error:
        return Harm(Kind.ARCHIVE_FOREIGN, f"is not of this log: {error}")
    except ProofError:  # A wrong signature by a key of ours: the entries say more.
        return None
    return None


def _rest(archive: ArchiveFile) -> Harm:
    """All entries are the log's own."""
    try:
        archive.check(keys.trusted())
    except ProofError as error:
        return Harm(Kind.ARCHIVE_RESEALED, f"has the right entries, but {error}")
    return Harm(Kind.ARCHIVE_RESEALED, "has the right entries in a file that was not sealed")
