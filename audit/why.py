"""Why a recorded decision came out as it did: which rules spoke, how they read, what stood against it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.gate.axioms import AXIOMS
from audit.gate.policy import default_text
from audit.models import PolicySet

NEEDED = {
    "axioms": "The axioms below would have to leave it alone: no role and no policy can.",
    "permissions": "Whoever asks would need a role that includes it.",
    "policy": "The policies below would have to leave it alone, or be changed by a new version.",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A vote against, what would have to be different, and the text of the rules that it names."""

    voter: str
    needed: str
    said: str
    rules: Sequence[str]


def obstacles(entry: Mapping[str, Any]) -> list[Obstacle]:
    """Nothing for what was allowed. At most one query."""
    return [_obstacle(vote) for vote in entry["votes"] if vote["verdict"] != "allow"]


def _obstacle(vote: Mapping[str, Any]) -> Obstacle:
    if vote["verdict"] == "failure":
        needed = "The voter would have to answer: one that does not blocks what was asked."
    elif vote["verdict"] == "escalate":
        count = vote.get("approvals", 1)
        needed = f"It takes the approval of {count} other {'person' if count == 1 else 'people'}."
    else:
        needed = NEEDED.get(vote["voter"], "")
    text = _text(vote) if vote.get("rules") else ""
    rules = [source for name in vote.get("rules", ()) if (source := _source(text, name))]
    return Obstacle(vote["voter"], needed, vote["reason"], rules)


def _text(vote: Mapping[str, Any]) -> str:
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
