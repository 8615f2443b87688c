"""The one way in: every change of state is one call of a service marked `@governed`.

    ACKNOWLEDGE = Action("incidents:incident:acknowledge", event="incident_acknowledged", ...)

    @governed(ACKNOWLEDGE, on="incident")
    def incident_acknowledge(*, incident: Incident, by: Principal, reason: str = "") -> Incident: ...

The gate decides; then one transaction holds the rows and their ledger event. A refusal is recorded
in a transaction of its own, so it outlives what it refused. Everything here fails closed.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

from django.db import DatabaseError, models

from audit import gate
from audit.gate.types import Action, Decision, Fact, Request, Resource, Verdict
from audit.principal import Principal
from audit.record import recording
from portal.lib.errors import AuditUnavailable, GovernanceDenied, GovernanceFailure

P = ParamSpec("P")
R = TypeVar("R")

# Gets the change to make, makes it once, and returns what it returned.
Around: TypeAlias = Callable[[Callable[[], Any]], Any]
_around: ContextVar[Around | None] = ContextVar("around", default=None)

# Every governed action by name: pages, tokens, docs and tests read what there is from here.
ACTIONS: dict[str, Action] = {}


def register(action: Action) -> Action:
    if ACTIONS.setdefault(action.name, action) != action:
        msg = f"two different actions are called {action.name}"
        raise ValueError(msg)
    return action


def governed(
    action: Action, *, on: str, about: tuple[str, ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks a service of keyword arguments as the one way to do `action`.

    `on` names the argument that it is done to, a model instance or a `Resource`. `about` names
    further plain arguments that axioms and policies may ask about. The service takes `by`, the
    principal, and reaches its record by `audit.record.current()`.
    """
    register(action)

    def mark(service: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(service)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            by = _principal(kwargs["by"])
            request = Request(
                by,
                action,
                resource_of(kwargs[on], by),
                {name: cast("Fact", kwargs.get(name)) for name in about},
            )
            return perform(request, lambda: service(*args, **kwargs))

        return call

    return mark


def perform(request: Request, change: Callable[[], R]) -> R:
    """The gate, the intent in the journal, then one transaction with `change` and its event.

    Raises `GovernanceDenied`, `GovernanceFailure`, `AuditUnavailable`, and what `change` raises.
    """
    decision = gate.decide(request)
    if decision.verdict is not Verdict.ALLOW:
        raise refuse(request, decision)
    event, around = request.action.event, _around.get()
    with recording(request, decision, event=event):
        return cast("R", around(change)) if around else change()


@contextmanager
def surrounded(around: Around) -> Iterator[None]:
    """Makes `around` part of the transaction of the governed call in the body: what it checks and
    writes stands or falls with the change. For interfaces that keep what they answered."""
    token = _around.set(around)
    try:
        yield
    finally:
        _around.reset(token)


def refuse(request: Request, decision: Decision) -> GovernanceDenied | GovernanceFailure:
    """Records the refusal and returns what to raise. Where that cannot be recorded either, the
    answer is `AuditUnavailable`: refused all the same, and said to be unrecorded."""
    failed = decision.verdict is Verdict.FAILURE
    event = "governance_failure" if failed else "governance_denied"
    try:
        with recording(request, decision, event=event) as record:
            record.note(facts=dict(request.resource.facts), context=dict(request.context))
    except DatabaseError as error:
        raise AuditUnavailable from error
    if failed:
        return GovernanceFailure()
    return GovernanceDenied(decision.reason, [vote.to_json() for vote in decision.votes])


def resource_of(subject: object, by: Principal) -> Resource:
    """The resource that stands for a model instance, or for anything with the same two methods."""
    if isinstance(subject, Resource):
        return subject
    facts: dict[str, Fact] = {}
    if describe := getattr(subject, "governed_facts", None):
        facts = describe(by)
    if isinstance(subject, models.Model):
        name = getattr(subject, "governed_name", None) or subject.pk or "new"
        return Resource(subject._meta.label_lower, str(name), facts, instance=subject)
    msg = f"{subject!r} cannot be the subject of a governed call"
    raise TypeError(msg)


def _principal(by: Any) -> Principal:
    if not isinstance(by, Principal):
        msg = f"a governed call is made by a Principal, not {by!r}"
        raise TypeError(msg)
    return by
