"""The one way in: every change of state is one call of a service marked `@governed`.

    ACKNOWLEDGE = Action("incidents:incident:acknowledge", event="incident_acknowledged", ...)

    @governed(ACKNOWLEDGE, on="incident")
    def incident_acknowledge(*, incident: Incident, by: Principal, reason: str = "") -> Incident: ...

The gate decides; then one transaction holds the rows and their ledger event. A refusal is recorded
in a transaction of its own, so it outlives what it refused. Everything here fails closed.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

from django.db import DatabaseError, models

from audit.attempts import noting
from audit.gate import engine, moment
from audit.gate.types import Action, Decision, Fact, Request, Resource, Verdict
from audit.ledger import lag
from audit.principal import Principal
from audit.record import GateLatched, recording
from audit.secrecy import kept_in_the_open
from portal.lib import read_only
from portal.lib.errors import AuditUnavailable, GovernanceDenied, GovernanceFailure, VigilError

P = ParamSpec("P")
R = TypeVar("R")
L = TypeVar("L")

# Gets the change to make, makes it once, and returns what it returned.
Around: TypeAlias = Callable[[Callable[[], Any]], Any]
_around: ContextVar[Around | None] = ContextVar("around", default=None)

# Every governed action by name: pages, tokens, docs and tests read what there is from here.
ACTIONS: dict[str, Action] = {}
# Every governed service as it was before it was marked, by its path.
SERVICES: dict[str, Callable[..., Any]] = {}


def register(action: Action) -> Action:
    if ACTIONS.setdefault(action.name, action) != action:
        msg = f"two different actions are called {action.name}"
        raise ValueError(msg)
    return action


@dataclass(frozen=True, slots=True)
class Mark:
    """How a governed service was marked."""

    on: str
    about: tuple[str, ...]
    carries: tuple[str, ...] = ()

    def context(self, arguments: Mapping[str, Any]) -> dict[str, Fact]:
        return {name: cast("Fact", arguments.get(name)) for name in self.about}


@dataclass(frozen=True, slots=True)
class Call:
    """A governed call as it could be made again, once others have approved it."""

    service: str
    arguments: Mapping[str, Any]
    mark: Mark


# What becomes of a call that the policies let through only with approvals. Set by
# `audit.approvals`: returns what to raise.
Escalate = Callable[[Request, Decision, Call], VigilError]
_escalate: list[Escalate] = []
# Told of a refusal while the gate is latched, see `audit.latches`.
_latched: list[Callable[[], object]] = []


def on_escalation(escalate: Escalate) -> Escalate:
    _escalate[:] = [escalate]
    return escalate


def on_latched(told: Callable[[], L]) -> Callable[[], L]:
    _latched[:] = [told]
    return told


def governed(
    action: Action | Callable[[Mapping[str, Any]], Action],
    *,
    on: str,
    about: tuple[str, ...] = (),
    carries: tuple[str, ...] = (),
    is_secret: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks a service of keyword arguments as the one way to do `action`.

    `action` may be a function of the arguments, where a family of actions shares a service. `on`
    names the argument that it is done to, a model instance or a `Resource`. `about` names further
    plain arguments that axioms and policies may ask about. `carries` names rows whose fields, as
    they are in memory, are what the call saves. A service with a secret among its arguments or in
    its answer `is_secret`: it is never kept to run later, so it cannot wait for approval. The same
    goes for a call with a `Typed` argument; a parameter named like a secret is one or the other. The
    service takes `by`, the principal, and reaches its record by `audit.record.current()`.
    """
    if isinstance(action, Action):
        register(action)

    def mark(service: Callable[P, R]) -> Callable[P, R]:
        if not is_secret and (kept := kept_in_the_open(service)):
            msg = f"{service.__qualname__} would keep a secret where it waits for approval: {kept}"
            raise TypeError(msg)
        path, marked = f"{service.__module__}:{service.__qualname__}", Mark(on, about, carries)
        SERVICES[path] = service

        @functools.wraps(service)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            by = _principal(kwargs["by"])
            asked = action if isinstance(action, Action) else action(kwargs)
            with noting(actor=by.recorded, action=asked.name, target=""):
                resource = resource_of(kwargs[on], by)
            request = Request(by, asked, resource, marked.context(kwargs))
            again = None if is_secret else Call(path, kwargs, marked)
            return perform(request, lambda: service(*args, **kwargs), call=again)

        call.governed = marked  # type: ignore[attr-defined] # read where a call is made again
        return call

    return mark


def perform(
    request: Request, change: Callable[[], R], *, call: Call | None = None, approvals: int = 0
) -> R:
    """The gate, the intent in the journal, then one transaction with `change` and its event.

    Raises `GovernanceDenied`, `GovernanceFailure`, `ApprovalRequired`, `AuditUnavailable`, `ReadOnly`
    where a replica is read in place of the database, and what `change` raises.
    """
    actor, target = request.principal.recorded, str(request.resource)
    with noting(actor=actor, action=request.action.name, target=target):
        read_only.refuse()
        decision = engine.decide(request, approvals=approvals)
    if decision.verdict is Verdict.ESCALATE and call is not None and _escalate:
        raise _escalate[0](request, decision, call)
    if decision.verdict is not Verdict.ALLOW:
        raise refuse(request, decision)
    event, around = request.action.event, _around.get()
    try:
        with recording(request, decision, event=event) as record:
            result = cast("R", around(change)) if around else change()
    except GateLatched:
        raise refuse(request, engine.latched(decision)) from None
    if request.action.awaits_checkpoint:
        lag.await_checkpoint(record.id)
    return result


@contextmanager
def surrounded(around: Around) -> Iterator[None]:
    """Makes `around` part of the transaction of the governed call in the body: what it checks and
    writes stands or falls with the change. For interfaces that keep what they answered."""
    token = _around.set(around)
    try:
        yield
    finally:
        _around.reset(token)


def refuse(request: Request, decision: Decision) -> VigilError:
    """Records the refusal and returns what to raise. Where that cannot be recorded either, the
    answer is `AuditUnavailable`: refused all the same, and said to be unrecorded."""
    failed = decision.verdict is Verdict.FAILURE
    event = "governance_failure" if failed else "governance_denied"
    try:
        for told in _latched if failed else ():
            told()
        with recording(request, decision, event=event) as record:
            record.note(refused=request.action.name)
    except DatabaseError as error:
        raise AuditUnavailable from error
    if failed:
        return GovernanceFailure()
    denied = GovernanceDenied(decision.reason, [vote.to_json() for vote in decision.votes])
    if denied.needs:
        moment.lacks(denied.needs)
    return denied


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
