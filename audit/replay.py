"""Judges recorded decisions again, under the rules of their time, and reports what differs.

Axioms and policies are functions of what was asked, which is recorded; permissions depend on who
held what then, so their recorded vote is taken as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.gate.axioms import PINNED, AxiomsVoter
from audit.gate.policy import PINNED as DEFAULT_DIGEST
from audit.gate.policy import default_text
from audit.models import PolicySet
from audit.policies import judged, recorded


@dataclass(frozen=True, slots=True)
class Difference:
    event: int
    voter: str
    recorded: str
    replayed: str


def replay(last: int) -> tuple[int, list[Difference]]:
    """How many decisions were judged again, and what came out otherwise."""
    texts = dict(PolicySet.objects.values_list("digest", "text"))
    texts[DEFAULT_DIGEST] = default_text()
    seen = 0
    differences: list[Difference] = []
    for event, asked, votes in recorded(last):
        if votes:
            seen += 1
            differences += _differences(event, asked, votes, texts)
    return seen, differences


def _differences(
    event: int, asked: dict[str, Any], votes: list[dict[str, Any]], texts: Mapping[str, str]
) -> Iterator[Difference]:
    for vote in votes:
        found = _again(vote, asked, texts)
        if found is not None and found != vote["verdict"]:
            yield Difference(event, vote["voter"], vote["verdict"], found)


def _again(vote: Mapping[str, Any], asked: dict[str, Any], texts: Mapping[str, str]) -> str | None:
    """The verdict now; None for a vote that cannot be, or need not be, judged again."""
    if vote["verdict"] == "failure":
        return None
    if vote["voter"] == "axioms":
        if vote["digest"] != PINNED:
            return "rules of another release"
        return AxiomsVoter().judge(asked).verdict.value
    if vote["voter"] == "policy":
        text = texts.get(vote["digest"])
        if text is None:
            return "rules that are not kept"
        again = judged(text, asked)
        return again.verdict.value if again else "failure"
    return None
