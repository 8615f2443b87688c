"""Reads the archives of dropped partitions again, and holds each entry against its leaf in the log."""

from pathlib import Path

from audit.ledger.kinds import Kind
from audit.ledger.report import Progress, Report
from audit.ledger.spill import SpillWriter
from audit.ledger.verify_entries import body_of, records_of
from audit.proofs.errors import ProofError
from audit.retention.archive import ArchiveFile
from audit.retention.diagnosis import Harm, diagnose, first_harm
from audit.retention.dropped import Dropped, DroppedRange, opened, path_of, sha256_of


def verify_archives(
    report: Report, archived: Dropped, directory: Path, *, progress: Progress
) -> None:
    """Adds what does not fit, by the file's name, and counts what was read."""
    report.archived_read = 0
    total = sum(each.events for each in archived.ranges)
    names = {each.sha256: each.filename for each in archived.ranges}
    for each in archived.ranges:
        harm = _harm(each, directory, names)
        if harm:
            report.add(harm.kind, f"{each.filename}: {harm.detail}", harm.index)
        else:
            report.archived_read += each.events
        progress("archives", report.archived_read, total)


def _harm(each: DroppedRange, directory: Path, names: dict[str, str]) -> Harm | None:
    path = path_of(directory, each)
    try:
        digest = sha256_of(path)
    except OSError as error:
        return Harm(Kind.ARCHIVE_MISSING, f"cannot be read: {error.strerror}")
    if digest != each.sha256:
        return diagnose(each, path, digest, names)
    # The very file that was sealed: what does not fit now, did not then, or the log changed since.
    try:
        with ArchiveFile(path) as archive:
            return first_harm(archive, each)
    except (ProofError, OSError, ValueError, KeyError) as error:
        return Harm(Kind.ARCHIVE_BROKEN, str(error))


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
