"""Every change of an incident's world, one governed function each."""

from incidents.services import (
    alerts,
    clocks,
    incidents,
    postmortems,
    processing,
    routing,
    timeline,
)

__all__ = ["alerts", "clocks", "incidents", "postmortems", "processing", "routing", "timeline"]
