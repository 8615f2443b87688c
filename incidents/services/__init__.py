"""Every change of an incident's world, one governed function each."""

from incidents.services import (
    alerts,
    automatic,
    channels,
    clocks,
    contacts,
    delivery,
    escalation,
    gate_incident,
    incidents,
    people,
    postmortems,
    processing,
    routing,
    tickets,
    timeline,
)

__all__ = [
    "alerts",
    "automatic",
    "channels",
    "clocks",
    "contacts",
    "delivery",
    "escalation",
    "gate_incident",
    "incidents",
    "people",
    "postmortems",
    "processing",
    "routing",
    "tickets",
    "timeline",
]
