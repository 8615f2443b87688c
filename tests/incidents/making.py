"""Incidents for tests, brought to any state the way they really get there."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from incidents.models import ActionItem, Incident, Postmortem
from incidents.procedure import State
from incidents.services.action_items import action_item_add
from incidents.services.incidents import incident_open, incident_transition
from incidents.services.postmortems import (
    FIELDS,
    postmortem_accept,
    postmortem_submit,
    postmortem_write,
)
from incidents.services.whys import why_add
from tests.people import Cast

WAYS: dict[str, tuple[str, ...]] = {
    State.DETECTED: (),
    State.CLASSIFIED: ("classify",),
    State.NOTIFIED: ("classify", "notify"),
    State.ACKNOWLEDGED: ("classify", "notify", "acknowledge"),
}
_STEPS = (
    (State.CONTAINED, "contain"),
    (State.INVESTIGATING, "investigate"),
    (State.FIXING, "fix"),
    (State.VERIFYING, "verify"),
    (State.DOCUMENTING, "document"),
    (State.POSTMORTEM, "postmortem"),
    (State.CLOSED, "close"),
)
for _state, _name in _STEPS:
    WAYS[_state] = (*list(WAYS.values())[-1], _name)
WAYS[State.FALSE_POSITIVE] = ("dismiss",)


def opened(cast: Cast, severity: str = "P1", **fields: object) -> Incident:
    fields = {"title": "Checkout fails", "severity": severity, **fields}
    incident = Incident(**fields)
    return incident_open(incident=incident, by=cast.principal("commander"))


def in_state(cast: Cast, state: str, severity: str = "P1") -> Incident:
    incident = opened(cast, severity)
    for name in WAYS[state]:
        if name == "close" and incident.needs_postmortem:
            accepted(cast, incident)
        incident = move(cast, incident, name)
    return incident


def move(cast: Cast, incident: Incident, name: str, reason: str = "because") -> Incident:
    return incident_transition(
        incident=incident, name=name, by=cast.principal("commander"), reason=reason
    )


def written(cast: Cast, incident: Incident, author: str = "responder") -> Postmortem:
    """All of its sections, no why and no action item: its first version."""
    return postmortem_write(
        incident=incident, by=cast.principal(author), fields=dict.fromkeys(FIELDS, "Words.")
    )


def submitted(cast: Cast, incident: Incident, author: str = "responder") -> Postmortem:
    """Complete and in review, as its third version."""
    postmortem, by = written(cast, incident, author), cast.principal(author)
    why_add(postmortem=postmortem, by=by, text="It was full.")
    item(cast, postmortem, author)
    postmortem.refresh_from_db()
    return postmortem_submit(postmortem=postmortem, by=by, version=postmortem.version)


def item(
    cast: Cast, postmortem: Postmortem, author: str = "responder", **fields: Any
) -> ActionItem:
    given = {"text": "Alert earlier", "owner": cast.responder, "kind": "detect"} | fields
    given.setdefault("due_on", timezone.localdate() + timedelta(days=14))
    return action_item_add(postmortem=postmortem, by=cast.principal(author), **given)


def accepted(cast: Cast, incident: Incident) -> Postmortem:
    postmortem = submitted(cast, incident)
    return postmortem_accept(
        postmortem=postmortem, by=cast.principal("approver"), version=postmortem.version
    )
