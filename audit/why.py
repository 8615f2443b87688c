"""Why a recorded decision came out as it did: which rules spoke, how they read, what stood against
it, and what would have to be different for each of them."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group

from audit.gate.axioms import AXIOMS
from audit.gate.cedar import CedarError
from audit.gate.policy import default_text
from audit.governed import ACTIONS
from audit.models import PolicySet
from audit.whatif import Ways, ways

NEEDED = {
    "axioms": "The axioms below would have to leave it alone: no role and no policy can.",
    "permissions": "Whoever asks would need a role that includes it.",
    "policy": "The policies below would have to leave it alone, or be changed by a new version.",
}
MOST_ROLES = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """How a rule that spoke against it reads, and which single facts would silence it."""

    name: str
    source: str
    unless: Sequence[str]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A vote against, what would have to be different, and the rules that it names. `allowed_if` are
    single facts with which this voter would have let it through; `is_searched` whether its rules
    could be asked again."""

    voter: str
    needed: str
    said: str
    rules: Sequence[Rule]
    allowed_if: Sequence[str]
    is_searched: bool


def obstacles(entry: Mapping[str, Any]) -> list[Obstacle]:
    """Nothing for what was allowed. At most one query for each vote against."""
    return [_obstacle(vote, entry) for vote in entry["votes"] if vote["verdict"] != "allow"]


def _obstacle(vote: Mapping[str, Any], entry: Mapping[str, Any]) -> Obstacle:
    if vote["verdict"] == "failure":
        needed = "The voter would have to answer: one that does not blocks what was asked."
    elif vote["verdict"] == "escalate":
        count = vote.get("approvals", 1)
        needed = f"It takes the approval of {count} other {'person' if count == 1 else 'people'}."
    elif vote["voter"] == "permissions":
        needed = _missing(vote, entry)
    else:
        needed = NEEDED.get(vote["voter"], "")
    is_judged = vote["voter"] in {"axioms", "policy"} and vote["verdict"] != "failure"
    text = rules_of(vote) if is_judged else ""
    found = _ways(text, entry["data"].get("asked"))
    rules = [
        Rule(name, source, found.rules.get(name, []) if found else [])
        for name in vote.get("rules", ())
        if (source := _source(text, name))
    ]
    allowed = found.allowed if found else []
    return Obstacle(vote["voter"], needed, vote["reason"], rules, allowed, found is not None)


def _ways(text: str, asked: Mapping[str, Any] | None) -> Ways | None:
    if not text or not asked:
        return None
    try:
        return ways(text, asked)
    except (CedarError, ValueError, KeyError):
        # Recorded by a release whose rules knew other facts.
        return None


def _missing(vote: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Which permission or scope, and the roles that include it by now."""
    action = ACTIONS.get(entry["action"])
    if action is None or "scope" in vote["reason"]:
        return "The token would need the scope that is named." if action else NEEDED["permissions"]
    if action.permission is None:
        return "Nobody does this by hand: only the product itself does."
    app, _, codename = action.permission.partition(".")
    roles = list(
        Group.objects.filter(
            permissions__codename=codename, permissions__content_type__app_label=app
        )
        .order_by("name")
        .values_list("name", flat=True)[: MOST_ROLES + 1]
    )
    held = ", ".join(roles[:MOST_ROLES]) + (" and others" if len(roles) > MOST_ROLES else "")
    has = f"Roles that include it now: {held}." if roles else "No role includes it now."
    return f"Whoever asks would need the permission {action.permission}. {has}"


def rules_of(vote: Mapping[str, Any]) -> str:
    """The rules of that digest; empty where they are not kept."""
    shipped = AXIOMS.read_text() if vote["voter"] == "axioms" else default_text()
    if hashlib.sha256(shipped.encode()).hexdigest() == vote.get("digest"):
        return shipped
    kept = PolicySet.objects.filter(digest=vote.get("digest", "")).values_list("text", flat=True)
    return kept.first() or ""


def _source(text: str, name: str) -> str:
    """From the policy's `@id` to the end of the statement."""
    found = re.search(rf'^@id\("{re.escape(name)}"\).*?;[ \t]*$', text, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""
