"""Reads the archives of dropped partitions again, and holds each entry against its leaf in the log."""

from pathlib import Path

from audit.ledger.kinds import Kind
from audit.ledger.report import Progress, Report
from audit.ledger.spill import SpillWriter
from audit.ledger.verify_entries import body_of, records_of
from audit.models import Leaf
from audit.proofs.errors import ProofError
from audit.proofs.merkle import leaf_hash
from audit.retention.batches import batched
from audit.retention.dropped import Dropped, DroppedRange, opened

BATCH = 2000


def verify_archives(
    report: Report, archived: Dropped, directory: Path, *, progress: Progress
) -> None:
    """Adds what does not fit, by the file's name, and counts what was read."""
    report.archived_read = 0
    total = sum(each.events for each in archived.ranges)
    for each in archived.ranges:
        try:
            _hold(report, each, directory)
        except (ProofError, OSError, ValueError, KeyError) as error:
            report.add(Kind.ARCHIVE_BROKEN, f"{each.filename}: {error}")
        progress("archives", report.archived_read, total)


def read_archives(archived: Dropped, directory: Path, writer: SpillWriter) -> list[tuple[int, int]]:
    """Sets aside what archived entries say of rows with a history; returns the ranges of events whose
    archive is not the one on record. What is wrong with those is for `verify_archives` to name."""
    unread, historied = [], writer.spill.historied
    for each in archived.ranges:
        try:
            with opened(directory, each) as archive:
                lists = dict(archive.changes())
                for found in archive.entries():
                    listed = lists.get(found.number)
                    records = records_of(found.number, body_of(found.entry), listed, historied)
                    for record in records or ():
                        if record[0] in historied:
                            writer.add(record)
        except (ProofError, OSError, ValueError, KeyError):
            unread.append((each.first, each.end))
    return unread


def _hold(report: Report, each: DroppedRange, directory: Path) -> None:
    seen = 0
    with opened(directory, each) as archive:
        for batch in batched(archive.entries(), BATCH):
            leaves = Leaf.objects.in_bulk([found.index for found in batch])
            for found in batch:
                leaf = leaves.get(found.index)
                computed = leaf_hash(found.entry)
                if leaf is None or (leaf.event_id, bytes(leaf.leaf_hash)) != (
                    found.number,
                    computed,
                ):
                    report.add(
                        Kind.ARCHIVE_CHANGED,
                        f"{each.filename}: event {found.number} is not what is in the log",
                        found.index,
                    )
            seen += len(batch)
    if seen != each.events:
        report.add(Kind.ARCHIVE_BROKEN, f"{each.filename} has {seen} of {each.events} entries")
    report.archived_read = (report.archived_read or 0) + seen
