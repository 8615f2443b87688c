"""Puts the seals of finished journal files on record, so that they cannot be exchanged afterwards."""

import json

from audit import journal
from audit.gate.types import Action, Resource
from audit.governed import governed
from audit.journal import names
from audit.journal.seal import Seal
from audit.models import Event
from audit.principal import Principal, system
from audit.record import current

SEAL = Action("audit:journal:seal", event="journal_sealed", is_for_system=True)


def journal_seal_all() -> int:
    """Seals what this machine's processes have finished since the last time."""
    pending = journal.seals_pending(_known())
    for seal in pending:
        _record(file=Resource("audit.journal", seal.file), seal=seal, by=system("worker"))
    return len(pending)


@governed(SEAL, on="file")
def _record(*, file: Resource, seal: Seal, by: Principal) -> None:
    current().note(seal=seal.to_json())


def recorded_seals() -> list[Seal]:
    entries = Event.objects.filter(event=SEAL.event).order_by("id").values_list("entry", flat=True)
    return [
        Seal.from_json(json.loads(bytes(entry))["data"]["seal"]) for entry in entries.iterator()
    ]


def _known() -> set[str]:
    """Of the files that are here: the record may name many more, of other machines and times."""
    here = [f"audit.journal:{name.path.name}" for name in names.files(journal.directory())]
    targets = Event.objects.filter(event=SEAL.event, target__in=here).values_list(
        "target", flat=True
    )
    return {target.partition(":")[2] for target in targets}
