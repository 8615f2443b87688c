"""Reads what governs and what waits: approvals, latches, policy versions, what the axioms stopped.

An approval request is seen by who asked, and by everybody who may decide it. Where it is about a
row that is restricted, by the facts that the axioms ask about, it is seen only by those of them who
were let in to that row: letting a second person in comes before asking for their approval.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from audit.approvals.services import DECIDE
from audit.gate.axioms import AxiomsVoter
from audit.models import ApprovalRequest, Event, GateLatch, PolicySet, User
from audit.principal import Principal, person
from audit.selectors import in_words
from portal.lib.errors import NotFound

MOST_WAITING = 100
MOST_SETTLED = 50
MOST_LATCHES = 20
MOST_VERSIONS = 200
MOST_DENIALS = 5_000
PERIOD = timedelta(days=30)
State = ApprovalRequest.State


def approvals_seen_by(user: User) -> QuerySet[ApprovalRequest]:
    """With `given`, how many have approved."""
    found = ApprovalRequest.objects.select_related("requester").annotate(
        given=Count("approvals", filter=Q(approvals__is_approved=True))
    )
    return found if user.has_perm(DECIDE) else found.filter(requester=user)


def approvals_waiting(user: User) -> list[ApprovalRequest]:
    """Those that run out first come first."""
    waiting = approvals_seen_by(user).filter(state=State.PENDING, expires_at__gt=timezone.now())
    return _let_in(user, waiting.order_by("expires_at")[:MOST_WAITING])


def approvals_settled(user: User) -> list[ApprovalRequest]:
    settled = approvals_seen_by(user).exclude(state=State.PENDING, expires_at__gt=timezone.now())
    return _let_in(user, settled.order_by("-requested_at")[:MOST_SETTLED])


def approval_get(user: User, pk: UUID) -> ApprovalRequest:
    """Raises `NotFound`, also for those whom it does not concern."""
    seen = approvals_seen_by(user).prefetch_related("approvals__approver")
    found = _let_in(user, seen.filter(pk=pk))
    if not found:
        raise NotFound
    return found[0]


def _let_in(user: User, found: Iterable[ApprovalRequest]) -> list[ApprovalRequest]:
    """One query a kind of row, and what the facts cost of rows that are, or may be, restricted."""
    requests = list(found)
    keys: dict[str, set[str]] = {}
    for asked in requests:
        for label, pk in _rows(asked):
            keys.setdefault(label, set()).add(pk)
    by = person(user)
    hidden = {
        (label, str(pk))
        for label, pks in keys.items()
        for pk, row in apps.get_model(label)._default_manager.in_bulk(list(pks)).items()
        if _is_hidden(row, by)
    }
    return [
        asked
        for asked in requests
        if asked.requester_id == user.pk or hidden.isdisjoint(_rows(asked))
    ]


def _rows(asked: ApprovalRequest) -> list[tuple[str, str]]:
    values = [value for value in asked.arguments.values() if isinstance(value, dict)]
    return [(value["model"], value["pk"]) for value in values if "model" in value]


def _is_hidden(row: object, by: Principal) -> bool:
    describe = getattr(row, "governed_facts", None)
    if describe is None or not getattr(row, "is_restricted", True):
        return False
    facts = describe(by)
    return bool(facts.get("is_restricted") and not facts.get("is_visible"))


def state_of(asked: ApprovalRequest) -> State:
    """That it has expired holds from that instant on, whenever it is written down."""
    if asked.state == State.PENDING and asked.expires_at <= timezone.now():
        return State.EXPIRED
    return State(asked.state)


def argument_in_words(value: Any) -> str:
    """One encoded argument of a call that waits, see `audit.approvals.arguments`."""
    match value:
        case {"enum": _, "value": member}:
            return str(member)
        case {"instant": text}:
            return str(text)
        case {"model": label, "pk": pk, "version": version}:
            kind = apps.get_model(label)
            name = f"{kind._meta.verbose_name} {pk}"
            if kind is User:
                # Whoever decides about a person has to know about whom.
                found = User.objects.filter(pk=pk).first()
                name = f"{name} ({found.username})" if found else name
            return name if version is None else f"{name}, as of version {version}"
        case {"map": items}:
            return ", ".join(f"{name} {argument_in_words(of)}" for name, of in items.items())
        case {"list": items}:
            return ", ".join(argument_in_words(item) for item in items)
    return in_words(value)


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
