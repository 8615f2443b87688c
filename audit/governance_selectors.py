"""Reads what governs: latches, policy versions, what the axioms stopped."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audit.gate.axioms import AxiomsVoter
from audit.models import Event, GateLatch, PolicySet
from portal.lib.errors import NotFound

MOST_LATCHES = 20
MOST_VERSIONS = 200
MOST_DENIALS = 5_000
PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Stopped:
    """How many requests each axiom stopped since then; only the newest `read` denials where there
    are more (`is_partial`)."""

    counts: Counter[str]
    since: datetime
    read: int
    is_partial: bool


def stopped_by_axioms() -> Stopped:
    since = timezone.now() - PERIOD
    denials = Event.objects.filter(verdict="deny").order_by("-id")
    rows = list(denials.values_list("at", "entry")[:MOST_DENIALS])
    counts: Counter[str] = Counter()
    for at, entry in rows:
        if at >= since:
            for vote in json.loads(bytes(entry))["votes"]:
                if vote["voter"] == AxiomsVoter.name and vote["verdict"] == "deny":
                    counts.update(set(vote.get("rules", ())))
    is_partial = len(rows) == MOST_DENIALS and rows[-1][0] >= since
    return Stopped(counts, since, len(rows), is_partial)


def latches() -> list[GateLatch]:
    return list(GateLatch.objects.select_related("released_by")[:MOST_LATCHES])


def policy_versions() -> list[PolicySet]:
    rows = PolicySet.objects.select_related("author", "activated_by").defer("text")
    return list(rows[:MOST_VERSIONS])


def policy_get(version: int) -> PolicySet:
    rows = PolicySet.objects.select_related("author", "activated_by")
    row = rows.filter(version=version).first()
    if row is None:
        raise NotFound
    return row


def policy_active() -> PolicySet | None:
    """None while the shipped default holds."""
    return PolicySet.objects.filter(state=PolicySet.State.ACTIVE).first()
