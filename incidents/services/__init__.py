"""Every change of an incident's world, one governed function each."""

from incidents.services import (
    alerts,
    clocks,
    evidence,
    gate_incident,
    incidents,
    notices,
    people,
    postmortems,
    processing,
    routing,
    timeline,
)

__all__ = [
    "alerts",
    "clocks",
    "evidence",
    "gate_incident",
    "incidents",
    "notices",
    "people",
    "postmortems",
    "processing",
    "routing",
    "timeline",
]
