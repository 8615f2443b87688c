"""The organisation's policy sets: drafted, validated, tried on past decisions, activated by a second
person, reverted to an earlier version."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max

from audit.gate import policy, schema
from audit.gate.cedar import CedarError
from audit.gate.types import Action, Vote
from audit.governed import governed
from audit.models import Event, PolicySet
from audit.principal import Principal
from audit.record import current
from portal.lib.errors import Conflict, FieldError, ValidationFailed

State = PolicySet.State
MAX_TEXT = 200_000

DRAFT = Action("audit:policyset:draft", event="policy_drafted", permission="audit.add_policyset")
VALIDATE = Action(
    "audit:policyset:validate", event="policy_validated", permission="audit.change_policyset"
)
# The verb is one of those that a second person has to do, see the axioms.
ACTIVATE = Action(
    "audit:policyset:approve",
    event="policy_activated",
    permission="audit.activate_policyset",
    awaits_checkpoint=True,
)


@governed(DRAFT, on="draft", carries=("draft",))
def policy_draft(*, draft: PolicySet, by: Principal) -> PolicySet:
    """Saves an unsaved policy set as the next version, or a draft's new text."""
    _check_text(draft.text)
    if draft._state.adding:
        newest = PolicySet.objects.aggregate(newest=Max("version"))["newest"] or 0
        draft.version, draft.created_at = newest + 1, current().at
    else:
        stored = PolicySet.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        if stored.state != State.DRAFT:
            raise Conflict("A version that was validated never changes; start a new draft from it.")
        if stored.author != by.user:
            # Or two could write one text, and each activate what the other touched last.
            raise Conflict("This draft is somebody else's; start a new one from it.")
    draft.state, draft.author = State.DRAFT, by.user
    draft.digest = policy.digest_of(draft.text)
    draft.save()
    current().target = f"audit.policyset:{draft.version}"
    current().note(version=draft.version, digest=draft.digest)
    return draft


@governed(VALIDATE, on="draft")
def policy_validate(*, draft: PolicySet, by: Principal) -> PolicySet:
    """Raises `ValidationFailed` with the line of each error."""
    locked = PolicySet.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    if locked.state != State.DRAFT:
        raise Conflict("This version is validated already.")
    if errors := schema.validate(locked.text):
        raise ValidationFailed(
            [
                FieldError("text", f"line {e.line}: {e.message}" if e.line else e.message)
                for e in errors
            ]
        )
    locked.state = State.VALIDATED
    locked.save()
    current().note(version=locked.version, digest=locked.digest)
    return locked


@governed(ACTIVATE, on="version")
def policy_activate(*, version: PolicySet, by: Principal, reason: str) -> PolicySet:
    """Makes this version the one that holds, from the next decision on. Reverting to a retired
    version is the same call."""
    if not reason.strip():
        raise ValidationFailed([FieldError("reason", "Say what changes, and why.")])
    locked = PolicySet.objects.select_for_update(of=("self",)).get(pk=version.pk)
    if locked.state not in {State.VALIDATED, State.RETIRED}:
        message = f"Only a validated version is activated; this one is {locked.state}."
        raise Conflict(message)
    if policy.digest_of(locked.text) != locked.digest or schema.validate(locked.text):
        raise Conflict("This version no longer validates.")
    before = PolicySet.objects.select_for_update(of=("self",)).filter(state=State.ACTIVE).first()
    if before is not None:
        before.state = State.RETIRED
        before.save()
    locked.state, locked.activated_at, locked.activated_by = State.ACTIVE, current().at, by.user
    locked.save()
    current().note(
        version=locked.version,
        digest=locked.digest,
        before=before.version if before else None,
        reason=reason.strip(),
    )
    return locked


def _check_text(text: str) -> None:
    if "\0" in text or len(text) > MAX_TEXT:
        message = f"At most {MAX_TEXT} characters, none of them NUL."
        raise ValidationFailed([FieldError("text", message)])


@dataclass(frozen=True, slots=True)
class Shadow:
    """A past decision that this text would have taken otherwise. `after` is None where it errs."""

    event: int
    asked: dict[str, Any]
    before: dict[str, Any]
    after: Vote | None


@dataclass(slots=True)
class ShadowRun:
    """`looked_at` events, of which `seen` hold a vote of the policies, and were judged again. What was
    decided before policies voted, or while the gate was latched, holds none. `changed` are those that
    would come out otherwise, `counts` how many from what to what."""

    looked_at: int = 0
    seen: int = 0
    changed: list[Shadow] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def shadow_run(text: str, *, last: int = 500) -> ShadowRun:
    """Judges the decisions among the last events by `text`."""
    run = ShadowRun()
    for event, asked, votes in recorded(last):
        run.looked_at += 1
        before = next((vote for vote in votes if vote["voter"] == policy.PolicyVoter.name), None)
        if before is None or not asked:
            continue
        run.seen += 1
        after = judged(text, asked)
        becomes = after.verdict.value if after else "failure"
        if becomes != before["verdict"]:
            run.changed.append(Shadow(event, asked, before, after))
            run.counts[before["verdict"], becomes] += 1
    return run


def judged(text: str, asked: dict[str, Any]) -> Vote | None:
    try:
        return policy.judge(text, asked)
    except (CedarError, ValueError):
        return None


def recorded(last: int) -> Iterator[tuple[int, dict[str, Any], list[dict[str, Any]]]]:
    """The newest events, newest first: number, what was asked, what was voted. Nothing was asked of
    the gate where it recorded no question."""
    for number, entry in Event.objects.order_by("-id").values_list("id", "entry")[:last]:
        body = json.loads(bytes(entry))
        yield number, body["data"].get("asked") or {}, body["votes"]
