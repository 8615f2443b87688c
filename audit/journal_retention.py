"""Old files of the journal are removed, by the record's own leave.

A file goes only once its seal has been in the ledger for `JOURNAL_KEEP_DAYS`, under a signed
checkpoint; once the receiver has all of it, where it is shipped; and while it still is what was
sealed. The event that names it and its digest is committed first.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import journal
from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.journal import names
from audit.journal.findings import Committed
from audit.journal.names import Name
from audit.journal.seal import Seal
from audit.journal.ship.destination import Destination
from audit.journal.ship.positions import Position, Positions
from audit.models import Checkpoint, Event
from audit.principal import Principal, system
from audit.record import current
from audit.sealing import SEAL

log = structlog.get_logger(__name__)

REMOVE = Action("audit:journal:remove", event="journal_removed", is_for_system=True)


@dataclass(slots=True)
class Removed:
    """`files` are gone by right; `last_seq` is, of each writer, the last line that went with them."""

    files: set[str] = field(default_factory=set)
    last_seq: dict[str, int] = field(default_factory=dict)

    def held(self, event: Committed) -> bool:
        """Whether the line that meant the event was in one of them."""
        return event.writer_seq <= self.last_seq.get(str(event.writer_id), 0)


def journal_remove_old() -> int:
    """Removes what this machine has kept long enough. Idempotent."""
    removed = 0
    for name, seal in _due():
        if not _is_intact(name, seal):
            log.critical("journal_file_kept", file=seal.file, reason="it is not what was sealed")
            continue
        file = Resource("audit.journal", seal.file)
        _remove(file=file, name=name, seal=seal, by=system("worker"))
        removed += 1
    return removed


@governed(REMOVE, on="file")
def _remove(*, file: Resource, name: Name, seal: Seal, by: Principal) -> None:
    current().note(file=seal.file, sha256=seal.sha256, seal=seal.to_json())
    transaction.on_commit(lambda: name.path.unlink(missing_ok=True))


def removed_files() -> Removed:
    """Of all machines, as the record has it."""
    removed = Removed()
    entries = Event.objects.filter(event=REMOVE.event).values_list("entry", flat=True)
    for entry in entries.iterator():
        seal = Seal.from_json(json.loads(bytes(entry))["data"]["seal"])
        removed.files.add(seal.file)
        removed.last_seq[seal.writer] = max(removed.last_seq.get(seal.writer, 0), seal.last_seq)
    return removed


def _due() -> list[tuple[Name, Seal]]:
    """Oldest first, and of each writer only from its first file on, so that what is gone is always
    a beginning."""
    seals, shipped, due = _sealed_long_ago(), _shipped(), []
    kept: set[str] = set()
    for name in names.files(journal.directory()):
        seal = seals.get(name.path.name)
        is_shipped = shipped is None or (
            seal is not None and shipped.get(seal.file, Position()).offset >= seal.bytes
        )
        if seal is None or not is_shipped or names.is_live(name.path):
            kept.add(name.writer)
        if seal is not None and name.writer not in kept:
            due.append((name, seal))
    return due


def _sealed_long_ago() -> dict[str, Seal]:
    checkpoint = Checkpoint.objects.order_by("-size").first()
    before = timezone.now() - timedelta(days=settings.JOURNAL_KEEP_DAYS)
    here = [f"audit.journal:{name.path.name}" for name in names.files(journal.directory())]
    rows = Event.objects.filter(
        event=SEAL.event,
        target__in=here,
        at__lt=before,
        leaf__index__lt=checkpoint.size if checkpoint else 0,
    )
    seals = [
        Seal.from_json(json.loads(bytes(entry))["data"]["seal"])
        for entry in rows.values_list("entry", flat=True)
    ]
    return {seal.file: seal for seal in seals}


def _shipped() -> dict[str, Position] | None:
    """None where nobody is shipped to."""
    if not settings.JOURNAL_SHIP:
        return None
    destination = Destination.parse(settings.JOURNAL_SHIP, headers=settings.JOURNAL_SHIP_HEADERS)
    return Positions.of(journal.directory(), destination.name).load()


def _is_intact(name: Name, seal: Seal) -> bool:
    with name.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == seal.sha256
