"""Filters as addresses, and in words."""

from collections.abc import Mapping

from django.http import QueryDict

LABELS = {
    "text": "Words",
    "about": "Everything about",
    "within": "Within the last",
    "from": "From",
    "to": "To",
    "event": "Event",
    "actor": "Actor",
    "action": "Action",
    "target": "Target",
    "verdict": "Verdict",
    "trace_id": "Trace",
}


def query(params: Mapping[str, str]) -> str:
    made = QueryDict(mutable=True)
    for name, value in params.items():
        made[name] = value
    return made.urlencode(safe=":*")


def said(params: Mapping[str, str]) -> str:
    """`verdict deny, within the last 24h`."""
    words = [f"{LABELS[name].lower()} {value}" for name, value in params.items() if name in LABELS]
    return ", ".join(words) or "all events"
