"""Checks the whole record from its bytes: entries, tree, checkpoints, projections, governed rows.

Says `verified`; `pending` where all is well but some events are not in a checkpoint yet;
`unverifiable` where there is nothing signed to check against; or `broken`, with what kind of
tampering it is and the first index that is bad.

Everything is read as of one moment, so that what is committed meanwhile looks like nothing else.
Memory does not grow with the log: what must be sorted is on the disk, in `TMPDIR`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connection
from psycopg.conninfo import make_conninfo

from audit.history import history_tables
from audit.ledger import keys
from audit.ledger.crew import Crew, Source
from audit.ledger.report import Progress, Report
from audit.ledger.spill import Spill, SpillWriter
from audit.ledger.verify_entries import check_entries, tasks, verify_entries
from audit.ledger.verify_rows import Recorded, Row, latest_of, verify_rows
from audit.ledger.verify_tree import verify_tree
from audit.proofs.checkpoint import Checkpoint

SMALL = 50_000
"""Entries for which starting further processes takes longer than it saves."""
PER_PART = 50_000
MOST_PARTS = 256

Archives = Callable[[SpillWriter], list[tuple[int, int]]]
"""Sets aside what archived entries say of rows with a history; returns the ranges that it cannot read."""


def verify(  # noqa: PLR0913 - one for each thing that may be asked of it
    report: Report,
    *,
    known: Checkpoint | None = None,
    rows: bool = False,
    archived: Sequence[tuple[int, int]] = (),
    archives: Archives | None = None,
    workers: int | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> None:
    """Fills the report. `known` is a checkpoint that somebody kept, its signature checked; `rows` also
    holds every governed row against the ledger. By default there is a worker for each processor,
    or none but this process where there is little to do. Of the events numbered in the half-open ranges
    `archived` the entries may be gone: their leaves are taken as stored, and counted; `archives` reads
    what those say of rows that have a history."""
    events = _estimate()
    workers = workers or (1 if events < SMALL else os.cpu_count() or 1)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(_source(), workers))
        spill, unread = None, list(archived)
        if rows:
            directory = stack.enter_context(TemporaryDirectory(prefix="vigil-verify-"))
            spill = _spill_in(directory, events)
        vkeys = [verifier.vkey for verifier in keys.trusted()]
        verify_tree(report, crew, vkeys=vkeys, known=known, progress=progress)
        verify_entries(report, crew, archived=archived, spill=spill, progress=progress)
        if spill is not None and archives is not None:
            with SpillWriter(spill, "archived") as writer:
                unread = archives(writer)
        if spill is not None:
            verify_rows(report, crew, spill=spill, unread=unread, progress=progress)


def latest_digests() -> Iterator[tuple[Row, Recorded]]:
    """What the record says last about each row, as of now. Once the first comes, nothing is open in
    the database any more."""
    with TemporaryDirectory(prefix="vigil-verify-") as directory:
        spill = _spill_in(directory, _estimate())
        with Crew(_source(), 1) as crew:
            for task in tasks(crew.opened, spill):
                check_entries(crew.opened, task)
        for part in range(spill.parts):
            yield from latest_of(spill, part).items()


def _spill_in(directory: str, events: int) -> Spill:
    return Spill(Path(directory), min(8 + events // PER_PART, MOST_PARTS), history_tables())


def _estimate() -> int:
    """How many events there are; not more than a guess where they were tampered with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM audit_event")
        (last,) = cursor.fetchone()
    return int(last)


def _source() -> Source:
    parameters = connection.get_connection_params()
    plain = {name: str(value) for name, value in parameters.items() if isinstance(value, str | int)}
    plain.pop("prepare_threshold", None)
    role = connection.settings_dict["OPTIONS"].get("assume_role") or ""
    return Source(make_conninfo(**plain), role)
