"""Every change of an incident's world, one governed function each."""

from incidents.services import (
    action_items,
    alerts,
    clocks,
    gate_incident,
    incidents,
    notices,
    people,
    postmortems,
    processing,
    reminders,
    routing,
    timeline,
    whys,
)

__all__ = [
    "action_items",
    "alerts",
    "clocks",
    "gate_incident",
    "incidents",
    "notices",
    "people",
    "postmortems",
    "processing",
    "reminders",
    "routing",
    "timeline",
    "whys",
]
