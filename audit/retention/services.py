"""Seals partitions into archives, and drops them. Both are on record; only the second loses anything,
and only the owner of the tables can do it: the application's own role cannot.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

from django.db import OperationalError, ProgrammingError, connection
from psycopg import sql

from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.ledger import keys
from audit.ledger.tree import fetch_tile, latest_checkpoint
from audit.ledger.verify_rows import Recorded, Row
from audit.models import Archive
from audit.principal import Principal
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from audit.proofs.tiles import TileReader
from audit.record import current
from audit.retention import partitions as read
from audit.retention.archive import ArchiveFile, ArchiveWriter
from audit.retention.batches import batched
from audit.retention.dropped import DROPPED, DroppedRange, dropped, opened, sha256_of
from audit.retention.partitions import Partition
from audit.retention.subtree import outside, ranges_of
from portal.lib.errors import Conflict

ARCHIVE = Action("audit:ledger:archive", event="ledger_archived", is_for_system=True)
CARRY = Action("audit:ledger:carry", event="rows_carried", is_for_system=True)
DROP = Action("audit:ledger:drop", event=DROPPED, is_for_system=True)
README = Path(__file__).with_name("readme.txt")
# So many rows are carried over by one event.
CARRIED = 20_000


def partition_archive(
    *, partition: Partition, directory: Path, by: Principal, reason: str = ""
) -> Archive:
    """Writes the file, reads it back and checks it, and only then puts it on record.

    Raises `Conflict` where what was read back does not hold, and what a governed call raises.
    """
    path = directory / f"ledger-{partition.first:012}-{partition.end:012}.vigil-archive.zip"
    count, size = _write(partition, path)
    try:
        with ArchiveFile(path) as archive:
            archive.check(keys.trusted())
    except ProofError as error:
        message = f"{path.name} does not hold what it should: {error}"
        raise Conflict(message) from error
    if count != read.count(partition):
        raise Conflict("The partition changed while it was read.")
    return _record(
        partition=Resource("audit.partition", partition.name),
        archive=Archive(
            partition=partition.name,
            first_id=partition.first,
            end_id=partition.end,
            events=count,
            filename=path.name,
            sha256=sha256_of(path),
            checkpoint_size=size,
        ),
        by=by,
        reason=reason,
    )


@governed(ARCHIVE, on="partition")
def _record(*, partition: Resource, archive: Archive, by: Principal, reason: str) -> Archive:
    record = current()
    archive.event_id, archive.sealed_at = record.id, record.at
    archive.save()
    record.note(
        **asdict(DroppedRange.of(archive)), checkpoint=archive.checkpoint_size, reason=reason
    )
    return archive


def _write(partition: Partition, path: Path) -> tuple[int, int]:
    """How many entries it holds, and the size of the checkpoint that it is sealed under."""
    checkpoint = latest_checkpoint()
    if checkpoint is None:
        raise Conflict("Nothing is signed yet.")
    ranges = ranges_of(index for index, _ in read.places(partition))
    count = sum(end - start for start, end in ranges)
    first, last = read.span(partition)
    nodes = outside(ranges, checkpoint.size, TileReader(fetch_tile, checkpoint.size).node)
    origin = Checkpoint.parse(checkpoint.note.rpartition("\n\n")[0] + "\n").origin
    about = {"first": first, "last": last, "origin": origin}
    unfinished = path.with_suffix(".unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        with ArchiveWriter(file) as archive:
            archive.add("README.txt", [Template(README.read_text()).substitute(about).encode()])
            archive.add("checkpoint", [checkpoint.note.encode()])
            archive.add("log.vkey", [f"{keys.verifier_key()}\n".encode()])
            archive.add("nodes.json", [_nodes(nodes)])
            archive.add("places.ndjson", _json_lines(read.places(partition)))
            archive.add("entries.ndjson", (entry + b"\n" for entry in read.entries(partition)))
            archive.add("changes.ndjson", _json_lines(read.changes(partition)))
            archive.finish({**about, "events": count, "ranges": ranges, "size": checkpoint.size})
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    _sync(path.parent)
    return count, checkpoint.size


def partition_drop(
    *,
    archive: Archive,
    directory: Path,
    latest: Iterable[tuple[Row, Recorded]],
    by: Principal,
    reason: str = "",
) -> None:
    """`latest` is what the record says last about each row, see `latest_digests`: what the partition says
    is said again by new events before it goes, so that every row stays provable.

    Raises `Conflict` where the archive is not there whole, or an older partition still is.
    """
    if Archive.objects.filter(end_id__lte=archive.first_id, dropped_at=None).exists() or any(
        each.first < archive.first_id for each in read.partitions()
    ):
        raise Conflict("Partitions are dropped oldest first.")
    try:
        with opened(directory, DroppedRange.of(archive)) as file:
            file.check(keys.trusted())
    except ProofError as error:
        message = f"The archive does not hold: {error}"
        raise Conflict(message) from error
    partition = Partition(archive.partition, archive.first_id, archive.end_id)
    if read.count(partition) != archive.events:
        raise Conflict("The partition is not what was archived.")
    resource = Resource("audit.partition", archive.partition)
    for rows in batched(_carried(latest, partition), CARRIED):
        _carry(partition=resource, rows=rows, by=by)
    _drop(partition=resource, archive=archive, by=by, reason=reason)


def _carried(
    latest: Iterable[tuple[Row, Recorded]], partition: Partition
) -> Iterator[tuple[Row, Recorded]]:
    for row, recorded in latest:
        if recorded.digest is not None and partition.first <= recorded.event < partition.end:
            yield row, recorded


@governed(CARRY, on="partition")
def _carry(*, partition: Resource, rows: Sequence[tuple[Row, Recorded]], by: Principal) -> None:
    """Says again, in the words of the time, what these rows came to. The numbers that tell which of
    two changes came later stay the old ones: a change made meanwhile is still the later one."""
    values = [(recorded.seq, table, pk, recorded.digest) for (table, pk), recorded in rows]
    with connection.cursor() as cursor:
        _as_owner(
            cursor,
            "INSERT INTO audit_change (seq, table_name, row_pk, op, sha256)"
            " SELECT seq, table_name, row_pk, 'K', sha256 FROM unnest(%s::bigint[], %s::text[],"
            " %s::text[], %s::bytea[]) AS r (seq, table_name, row_pk, sha256)",
            [list(column) for column in zip(*values, strict=True)],
        )
    current().note(rows=len(rows))


@governed(DROP, on="partition")
def _drop(*, partition: Resource, archive: Archive, by: Principal, reason: str) -> None:
    record = current()
    already = dropped().ranges
    archive.dropped_event_id, archive.dropped_at = record.id, record.at
    archive.save(update_fields=["dropped_event_id", "dropped_at"])
    name = sql.Identifier(archive.partition)
    span = [archive.first_id, archive.end_id]
    with connection.cursor() as cursor:
        _as_owner(cursor, sql.SQL("ALTER TABLE audit_event DETACH PARTITION {}").format(name))
        _as_owner(cursor, sql.SQL("DROP TABLE {}").format(name))
        for table in ("audit_event_changes", "audit_sealed", "audit_search"):
            query = sql.SQL("DELETE FROM {} WHERE event_id >= %s AND event_id < %s")
            _as_owner(cursor, query.format(sql.Identifier(table)), span)
    ranges = [*already, DroppedRange.of(archive)]
    record.note(archives=[asdict(each) for each in ranges], reason=reason)


def _as_owner(cursor: Any, query: str | sql.Composed, params: Sequence[Any] = ()) -> None:
    try:
        cursor.execute(query, params or None)
    except ProgrammingError as error:
        message = "Only the owner of the tables may: run this with VIGIL_DATABASE_ROLE=vigil_owner."
        raise Conflict(message) from error
    except OperationalError as error:
        message = f"Nothing was dropped: {error}"
        raise Conflict(message) from error


def _nodes(nodes: dict[tuple[int, int], bytes]) -> bytes:
    lines = (
        f'"{level}/{index}":"{digest.hex()}"' for (level, index), digest in sorted(nodes.items())
    )
    return ("{" + ",\n".join(lines) + "}").encode()


def _json_lines(rows: Iterable[tuple[int, int | str]]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row).encode() + b"\n"


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
