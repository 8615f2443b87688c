"""The four laws in plain words, over the axioms that enforce them, and the call that fronts the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.gate import engine
from audit.gate.axioms import AXIOMS
from audit.gate.cedar import parse
from audit.gate.types import Request, Verdict
from audit.governed import ACTIONS, resource_of
from portal.lib.errors import GovernanceFailure


@dataclass(frozen=True, slots=True)
class Law:
    """`axioms` are the ids of the Cedar policies that enforce it."""

    number: int
    title: str
    text: str
    examples: tuple[str, ...]

    @property
    def axioms(self) -> dict[str, str]:
        """What each axiom of this law says, by its id."""
        annotations = parse(AXIOMS.read_text()).annotations.values()
        return {a["id"]: a["law"] for a in annotations if a.get("of") == str(self.number)}


LAWS = (
    Law(
        0,
        "The record comes first",
        "What happened stays on record as it happened. Nobody edits or removes it: no person, no"
        " program, no administrator.",
        ("Changing an event of the ledger", "Deleting a note from a timeline"),
    ),
    Law(
        1,
        "Serious harm is explained",
        "An incident that did serious harm, P0 or P1, is not closed before it is understood: by a"
        " postmortem that a second person has accepted.",
        ("Closing a P0 without a postmortem", "Closing a P1 whose postmortem is not accepted"),
    ),
    Law(
        2,
        "People decide, and never alone on their own work",
        "What takes judgement is decided by a person who answers for it. What one person made,"
        " another approves.",
        (
            "A script that acknowledges or closes incidents",
            "Accepting the postmortem that you wrote",
            "Approving your own request",
        ),
    ),
    Law(
        3,
        "Only who was let in",
        "What is restricted is seen and touched by those who were let in to it, whatever role the"
        " others hold.",
        ("A commander who works a restricted incident without having been let in",),
    ),
)


class FourLaws:
    """`is_allowed, reason = FourLaws.validate_action(action, context)`, as the standard calls it."""

    @staticmethod
    def validate_action(action: str, context: Mapping[str, Any]) -> tuple[bool, str]:
        """Asks the whole gate, not the axioms alone.

        `action` is the name of a governed action; `context` holds `by`, a Principal, `on`, what it is
        done to, and any further facts. Raises `GovernanceFailure` where the gate cannot decide, and
        `KeyError` for an action that there is none of. It decides and changes nothing: to act, call
        the service.
        """
        by = context["by"]
        facts = {name: fact for name, fact in context.items() if name not in {"by", "on"}}
        decision = engine.decide(
            Request(by, ACTIONS[action], resource_of(context["on"], by), facts)
        )
        if decision.verdict is Verdict.FAILURE:
            raise GovernanceFailure
        return decision.verdict is Verdict.ALLOW, decision.reason
