"""Exports of the record: intent on record, then the read, then the outcome on record.

What was read leaves only after the outcome, with its digest, is committed. An export that fails is
on record as failed; where not even that can be recorded, its request stands there without an
outcome. Fails closed: nothing is released that the ledger does not name.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import structlog

from audit.actor_patterns import recorded_filters
from audit.evidence.actions import FAILED, REQUESTED, action_for
from audit.evidence.contents import About, Deadline, sha256_of, write_list, write_pack
from audit.evidence.coverage import cover
from audit.evidence.selection import Selection
from audit.gate.types import Request, Resource
from audit.governed import perform
from audit.ledger.append import instant
from audit.principal import Principal
from audit.record import current
from portal.lib.errors import FieldError, ValidationFailed, VigilError

log = structlog.get_logger(__name__)

KIND = "audit.evidence"
PATIENCE = 10.0
MAX_REASON = 1_000


@dataclass(frozen=True, slots=True)
class Exported:
    """`file` is open at its start, has no name and is gone once closed. `number` is that of the
    event that asked for it, `pending` are the events in it that no checkpoint covers yet."""

    number: int
    file: BinaryIO
    sha256: str
    size: int
    events: int
    pending: tuple[int, ...] = ()


def evidence_export(
    *,
    selection: Selection,
    by: Principal,
    reason: str,
    patience: float = PATIENCE,
    seconds: float | None = None,
) -> Exported:
    """An evidence pack, made in `seconds` or not at all. Waits `patience` seconds at most for a checkpoint that covers all events.

    Raises what a governed call raises, `ValidationFailed`, `Conflict` where nothing is signed yet.
    """
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "is needed: say what this is for")])
    deadline = Deadline(seconds)

    def write(file: BinaryIO, about: About) -> tuple[int, tuple[int, ...]]:
        events = selection.ids(before=about.number)
        coverage = cover(events, patience=patience)
        write_pack(file, about, events=events, coverage=coverage, deadline=deadline)
        return len(events), coverage.pending

    return _export("pack", selection, by, reason, write)


def record_export(
    *, selection: Selection, by: Principal, reason: str = "", seconds: float | None = None
) -> Exported:
    """The entries as NDJSON, oldest first, each line the exact bytes that are hashed; made in
    `seconds` or not at all."""
    deadline = Deadline(seconds)

    def write(file: BinaryIO, about: About) -> tuple[int, tuple[int, ...]]:
        events = selection.ids(before=about.number)
        write_list(file, events, deadline)
        return len(events), ()

    return _export("ndjson", selection, by, reason, write)


def _export(
    form: str,
    selection: Selection,
    by: Principal,
    reason: str,
    write: Callable[[BinaryIO, About], tuple[int, tuple[int, ...]]],
) -> Exported:
    if len(reason) > MAX_REASON:
        message = f"must have at most {MAX_REASON} characters"
        raise ValidationFailed([FieldError("reason", message)])
    about = _request(form, selection, by, reason)
    with _recorded(about.number, by), ExitStack() as unless_released:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it outlives this
        unless_released.callback(file.close)
        count, pending = write(file, about)
        digest, size = sha256_of(file)
        _record(
            by,
            about.number,
            form=form,
            events=count,
            pending=len(pending),
            sha256=digest,
            bytes=size,
        )
        unless_released.pop_all()
    return Exported(about.number, file, digest, size, count, pending)


def _request(form: str, selection: Selection, by: Principal, reason: str) -> About:
    """The intent. Its number is the export's own."""

    def intend() -> About:
        record = current()
        record.event = REQUESTED
        record.target = f"{KIND}:{record.id}"
        record.note(form=form, selection=recorded_filters(selection.to_json()), reason=reason)
        return About(record.id, instant(record.at), by.actor, reason, selection)

    return perform(Request(by, action_for(by), Resource(KIND, "new")), intend)


def _record(by: Principal, number: int, *, event: str = "", **data: Any) -> None:
    def conclude() -> None:
        record = current()
        record.event = event or record.event
        record.note(**data)

    perform(Request(by, action_for(by), Resource(KIND, str(number))), conclude)


@contextmanager
def _recorded(number: int, by: Principal) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        said = error.message if isinstance(error, VigilError) else type(error).__name__
        try:
            _record(by, number, event=FAILED, error=said)
        except VigilError as unrecorded:
            log.critical("evidence_failure_unrecorded", number=number, reason=str(unrecorded))
        raise
