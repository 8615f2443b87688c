"""The latch on record: who closed it and why, who opened it again, and what came of it."""

import uuid
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime

from audit.gate import engine, latch, vectors
from audit.gate.types import Action, Decision, Request, Resource, Verdict
from audit.governed import governed, on_latched, register
from audit.models import GateLatch
from audit.principal import Principal, system
from audit.record import current, recording
from portal.lib.errors import Conflict, FieldError, ValidationFailed

LATCHED = register(Action("audit:gate:latch", event="governance_latched", works_while_latched=True))
RELEASE = Action(
    "audit:gate:release",
    event="governance_released",
    permission="audit.release_gate",
    works_while_latched=True,
    awaits_checkpoint=True,
)
REVIEW = Action("audit:gate:review", event="governance_reviewed", permission="audit.release_gate")

# Told within the transaction that records the latch; what they change is named in its event.
ON_LATCH: list[Callable[[GateLatch], None]] = []


@on_latched
def record_latch() -> GateLatch | None:
    """Puts this machine's latch on record, once, and so closes the gate on every other machine.

    It is no decision of the gate, which is closed: the event says so by its verdict.
    """
    closed = latch.closed()
    if closed is None:
        return None
    request = Request(system("gate"), LATCHED, Resource("audit.gatelatch", closed.id))
    decision = Decision(Verdict.FAILURE, closed.reason, (), engine.asked_of(request), "")
    known = GateLatch.objects.filter(pk=closed.id).first()
    if known is not None:
        if known.released_at is not None:
            # Released on another machine, which could not take this file away.
            latch.open_again(closed.id)
        return known
    try:
        with recording(request, decision, event=LATCHED.event) as record:
            row = GateLatch.objects.create(
                id=uuid.UUID(closed.id),
                closed_at=parse_datetime(closed.at) or record.at,
                reason=closed.reason,
                evidence=dict(closed.evidence),
            )
            record.note(reason=closed.reason)
            for told in ON_LATCH:
                told(row)
    except IntegrityError:
        # Two requests found it closed at once; the other one recorded it.
        return GateLatch.objects.get(pk=closed.id)
    return row


def verification() -> list[str]:
    """What still speaks against opening the gate; empty when it passes."""
    request = Request(system("gate"), LATCHED, Resource("audit.gatelatch", "verification"))
    problems = vectors.failures()
    for voter in engine.voters():
        try:
            voter.vote(request, engine.asked_of(request))
        except Exception as error:  # noqa: BLE001 - whatever it is, this voter does not answer
            problems.append(f"{voter.name}: {error}")
    return problems


@governed(RELEASE, on="row")
def gate_release(*, row: GateLatch, by: Principal, reason: str) -> GateLatch:
    """Opens the gate again, after a verification that passes. Raises `Conflict` where it does not."""
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "Say what was found, and what was done.")])
    if problems := verification():
        message = f"The verification fails: {'; '.join(problems)}"
        raise Conflict(message)
    locked = GateLatch.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if locked.released_at is not None:
        raise Conflict("The gate was released already.")
    locked.released_at, locked.released_by = current().at, by.user
    locked.release_reason = reason.strip()
    locked.save()
    current().note(reason=locked.release_reason)
    transaction.on_commit(lambda: latch.open_again(str(locked.pk)))
    return locked


@governed(REVIEW, on="row")
def latch_review(*, row: GateLatch, by: Principal, review: str) -> GateLatch:
    """The post-incident review of the cause."""
    if not review.strip():
        raise ValidationFailed([FieldError("review", "Say what the cause was.")])
    locked = GateLatch.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if locked.released_at is None:
        raise Conflict("Release the gate first.")
    locked.review = review.strip()
    locked.save(update_fields=["review"])
    current().note(review=locked.review)
    return locked


def open_latches() -> list[GateLatch]:
    return list(GateLatch.objects.filter(released_at=None))
