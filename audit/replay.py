"""Judges recorded decisions again, under the rules of their time, and reports what differs.

Axioms and policies are functions of what was asked, which is recorded. The permissions' vote is
derived again from the facts that it recorded; a vote of before it recorded any is taken as it is,
and so are the facts: who held what then is told by the recorded changes of accounts and roles.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from audit.gate.axioms import PINNED, AxiomsVoter
from audit.gate.permissions import PermissionsVoter
from audit.gate.policy import PINNED as DEFAULT_DIGEST
from audit.gate.policy import default_text
from audit.models import PolicySet
from audit.policies import judged, recorded


class Outcome(StrEnum):
    SAME = "same"
    DIFFERS = "differs"
    CANNOT = "cannot be judged again"


@dataclass(frozen=True, slots=True)
class Again:
    """One vote, judged again. `why` says what kept it from being, where it could not be."""

    voter: str
    recorded: str
    replayed: str
    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    event: int
    voter: str
    recorded: str
    replayed: str


@dataclass(slots=True)
class Replay:
    """`looked_at` events, of which `seen` hold a decision. `cannot` counts votes, by voter and why."""

    looked_at: int = 0
    seen: int = 0
    differences: list[Difference] = field(default_factory=list)
    cannot: Counter[str] = field(default_factory=Counter)


def replay(last: int) -> Replay:
    found, texts = Replay(), _texts()
    for event, asked, votes in recorded(last):
        found.looked_at += 1
        if not asked or not votes:
            continue
        found.seen += 1
        for again in _again(votes, asked, texts):
            if again.outcome is Outcome.DIFFERS:
                found.differences.append(
                    Difference(event, again.voter, again.recorded, again.replayed)
                )
            elif again.outcome is Outcome.CANNOT:
                found.cannot[f"{again.voter}: {again.why}"] += 1
    return found


def replay_entry(entry: Mapping[str, Any]) -> list[Again]:
    """Every vote of one recorded decision; none where it records no question."""
    asked = entry["data"].get("asked")
    return list(_again(entry["votes"], asked, _texts())) if asked else []


def _texts() -> dict[str, str]:
    return {
        **dict(PolicySet.objects.values_list("digest", "text")),
        DEFAULT_DIGEST: default_text(),
    }


def _again(
    votes: Sequence[Mapping[str, Any]], asked: dict[str, Any], texts: Mapping[str, str]
) -> Iterator[Again]:
    for vote in votes:
        verdict, why = _verdict(vote, asked, texts)
        if why:
            yield Again(vote["voter"], vote["verdict"], "", Outcome.CANNOT, why)
        else:
            is_same = verdict == vote["verdict"]
            outcome = Outcome.SAME if is_same else Outcome.DIFFERS
            yield Again(vote["voter"], vote["verdict"], verdict, outcome)


def _verdict(  # noqa: PLR0911 - one voter after the other
    vote: Mapping[str, Any], asked: dict[str, Any], texts: Mapping[str, str]
) -> tuple[str, str]:
    """The verdict now, or why there is none."""
    if vote["verdict"] == "failure":
        return "", "the voter failed, which rules do not decide"
    if vote["voter"] == AxiomsVoter.name:
        if vote["digest"] != PINNED:
            return "", "axioms of another release"
        return AxiomsVoter().judge(asked).verdict.value, ""
    if vote["voter"] == PermissionsVoter.name:
        if "facts" not in vote:
            return "", "as recorded, without the facts"
        if vote["digest"] != PermissionsVoter.digest:
            return "", "as recorded, by another release"
        return PermissionsVoter().judge(vote["facts"]).verdict.value, ""
    text = texts.get(vote["digest"])
    if text is None:
        return "", "a policy that is not kept"
    again = judged(text, asked)
    return (again.verdict.value if again else "failure"), ""
