"""Reads what governs: latches, policy versions, what the axioms stopped."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from audit.models import GateLatch, PolicySet, Stopped, StoppedSince
from portal.lib.errors import NotFound

MOST_LATCHES = 20
MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True)
class Counted:
    """How many requests each axiom has stopped since then, all of them."""

    counts: Counter[str]
    since: datetime


def stopped_by_axioms() -> Counted:
    """A handful of rows, however long the record is: the database counts as it grows."""
    counts: Counter[str] = Counter()
    for axiom, times in Stopped.objects.values_list("axiom", "times"):
        counts[axiom] += times
    return Counted(counts, StoppedSince.objects.values_list("since", flat=True).get())


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
