"""Exports, as tests ask for them."""

import json
from pathlib import Path
from typing import Any

from audit.event_filters import EventFilter
from audit.evidence.export import Exported, evidence_export
from audit.evidence.selection import Selection
from audit.models import Event
from audit.principal import Principal

SERVICES = Selection(EventFilter(event="service_added"))


def pack(by: Principal, selection: Selection = SERVICES, **options: Any) -> Exported:
    options = {"reason": "yearly audit", "patience": 0, **options}
    return evidence_export(selection=selection, by=by, **options)


def saved(exported: Exported, directory: Path) -> Path:
    path = directory / "evidence.zip"
    with exported.file:
        path.write_bytes(exported.file.read())
    return path


def last_events(count: int) -> list[dict[str, Any]]:
    """The newest entries, oldest of them first."""
    newest = Event.objects.order_by("-pk").values_list("entry", flat=True)[:count]
    return [json.loads(bytes(entry)) for entry in newest][::-1]
