"""Entries of the ledger, as tests read them."""

from typing import Any

from audit.models import Event
from audit.selectors import opened_of


def noted(entry: dict[str, Any]) -> dict[str, Any]:
    """What the service itself put on record, without what the gate was asked."""
    return {name: value for name, value in entry["data"].items() if name != "asked"}


def actor_of(event: Event) -> str:
    """Who did it, by name: the event itself holds a commitment."""
    (opened,) = opened_of([event])
    return str(opened.entry["actor"])
