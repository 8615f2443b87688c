"""Incidents for tests, brought to any state the way they really get there."""

from incidents.models import Incident, Postmortem
from incidents.procedure import State
from incidents.services.incidents import incident_open, incident_transition
from incidents.services.postmortems import FIELDS, postmortem_accept, postmortem_write
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
    return postmortem_write(
        incident=incident, by=cast.principal(author), fields=dict.fromkeys(FIELDS, "Words.")
    )


def accepted(cast: Cast, incident: Incident) -> Postmortem:
    postmortem = written(cast, incident)
    return postmortem_accept(
        postmortem=postmortem, by=cast.principal("approver"), version=postmortem.version
    )
