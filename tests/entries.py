"""Entries of the ledger, as tests read them."""

from typing import Any


def noted(entry: dict[str, Any]) -> dict[str, Any]:
    """What the service itself put on record, without what the gate was asked."""
    return {name: value for name, value in entry["data"].items() if name != "asked"}
