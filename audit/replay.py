"""Judges recorded decisions again, under the rules of their time, and reports what differs.

Axioms and policies are functions of what was asked, which is recorded; permissions depend on who
held what then, so their recorded vote is taken as it is. Policies may ask who it was and from where;
where somebody in it was erased, nobody knows any more, and it is counted as not to be replayed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.gate.axioms import PINNED, AxiomsVoter
from audit.gate.policy import PINNED as DEFAULT_DIGEST
from audit.gate.policy import default_text
from audit.models import PolicySet
from audit.policies import Recorded, judged, recorded


@dataclass(frozen=True, slots=True)
class Difference:
    event: int
    voter: str
    recorded: str
    replayed: str


@dataclass(slots=True)
class Replay:
    """`seen` decisions were judged again; the policies' vote on `erased` of them could not be."""

    seen: int = 0
    erased: int = 0
    differences: list[Difference] = field(default_factory=list)


def replay(last: int) -> Replay:
    texts = dict(PolicySet.objects.values_list("digest", "text"))
    texts[DEFAULT_DIGEST] = default_text()
    found = Replay()
    for past in recorded(last):
        if past.votes:
            found.seen += 1
            found.erased += past.is_erased
            found.differences += _differences(past, texts)
    return found


def _differences(past: Recorded, texts: Mapping[str, str]) -> Iterator[Difference]:
    for vote in past.votes:
        found = _again(vote, past, texts)
        if found is not None and found != vote["verdict"]:
            yield Difference(past.event, vote["voter"], vote["verdict"], found)


def _again(vote: Mapping[str, Any], past: Recorded, texts: Mapping[str, str]) -> str | None:
    """The verdict now; None for a vote that cannot be, or need not be, judged again."""
    if vote["verdict"] == "failure":
        return None
    if vote["voter"] == "axioms":
        if vote["digest"] != PINNED:
            return "rules of another release"
        return AxiomsVoter().judge(past.stored).verdict.value
    if vote["voter"] == "policy" and not past.is_erased:
        text = texts.get(vote["digest"])
        if text is None:
            return "rules that are not kept"
        again = judged(text, past.asked)
        return again.verdict.value if again else "failure"
    return None
