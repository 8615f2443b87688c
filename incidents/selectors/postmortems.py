"""What a postmortem's page and its exports show beside what people wrote. The incident itself comes
from `incident_get`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from audit.subjects import name_people
from incidents import sla
from incidents.models import ActionItem, ClockLeg, Incident, Postmortem, TimelineEntry, Why

# What moved an incident, and what the outside was told.
KEY_KINDS = ("transition", "severity", "status_update")
MOST_MOMENTS = 60
# An export has no second page.
MOST_ENTRIES = 2_000


@dataclass(frozen=True, slots=True)
class Figures:
    """None where the incident never got that far. `missed` of `promised` deadlines were missed."""

    detected_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    to_acknowledge: timedelta | None
    to_resolve: timedelta | None
    missed: int
    promised: int


@dataclass(slots=True)
class Node:
    why: Why
    below: list["Node"] = field(default_factory=list)


def figures(incident: Incident) -> Figures:
    """Counted from the clocks, as `sla` judges them."""
    clocks: dict[tuple[str, int], list[ClockLeg]] = {}
    for leg in incident.clock_legs.order_by("kind", "cycle", "position"):
        clocks.setdefault((leg.kind, leg.cycle), []).append(leg)
    kept = [legs for legs in clocks.values() if legs[-1].phase != ClockLeg.Phase.CANCELLED]
    return Figures(
        incident.detected_at,
        incident.acknowledged_at,
        incident.resolved_at,
        _since(incident, incident.acknowledged_at),
        _since(incident, incident.resolved_at),
        sum(_is_missed(legs) for legs in kept),
        len(kept),
    )


def _since(incident: Incident, at: datetime | None) -> timedelta | None:
    return at - incident.detected_at if at else None


def _is_missed(legs: Sequence[ClockLeg]) -> bool:
    now = max(timezone.now(), legs[-1].began_at)
    return sla.verdict([leg.to_leg() for leg in legs], now).breached_at is not None


def key_moments(incident: Incident) -> list[TimelineEntry]:
    """The oldest first."""
    return _entries(incident, MOST_MOMENTS, kind__in=KEY_KINDS)


def whole_timeline(incident: Incident) -> list[TimelineEntry]:
    return _entries(incident, MOST_ENTRIES)


def _entries(incident: Incident, most: int, **wanted: object) -> list[TimelineEntry]:
    found = incident.timeline.filter(superseded_by=None, **wanted)
    entries = list(found.order_by("occurred_at", "id")[:most])
    name_people(entries, "author", "text")
    return entries


def tree(postmortem: Postmortem | None) -> list[Node]:
    """In one query, whatever its shape."""
    if postmortem is None:
        return []
    nodes = {why.pk: Node(why) for why in postmortem.whys.order_by("position", "id")}
    top: list[Node] = []
    for node in nodes.values():
        parent = node.why.parent_id
        (top if parent is None else nodes[parent].below).append(node)
    return top


def items(postmortem: Postmortem | None) -> list[ActionItem]:
    """Those that are open first, the nearest first."""
    if postmortem is None:
        return []
    found = list(postmortem.items.select_related("owner").order_by("due_on", "id"))
    for item in found:
        item.postmortem = postmortem
    return sorted(found, key=lambda item: item.state != ActionItem.State.OPEN)
