"""Proposes a severity from questions about impact: the standard's definitions turned into questions.

A help to whoever chooses, never a decision: the choice stays a person's, and is on record as theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from incidents.severity import Severity

ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Answer:
    """`at_least` is the severity that it asks for by itself, `shifts` by how many levels it moves what
    the others say: up where negative."""

    key: str
    text: str
    at_least: Severity | None = None
    shifts: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    key: str
    text: str
    answers: tuple[Answer, ...]

    def answer(self, key: str | None) -> Answer | None:
        return next((answer for answer in self.answers if answer.key == key), None)


QUESTIONS = (
    Question(
        "harm",
        "Is data lost or altered, or did somebody get in who may not?",
        (
            Answer("yes", "Yes, or it cannot be ruled out", at_least=Severity.P0),
            Answer("no", "No"),
        ),
    ),
    Question(
        "reach",
        "What no longer works?",
        (
            Answer("all", "A whole service, for everybody", at_least=Severity.P0),
            Answer("major", "Something that people mainly come for", at_least=Severity.P1),
            Answer("minor", "Something smaller, or it is slow", at_least=Severity.P2),
            Answer("looks", "How it looks or reads", at_least=Severity.P3),
        ),
    ),
    Question(
        "way_around",
        "Is there a way around it that people know of?",
        (Answer("yes", "Yes", shifts=1), Answer("no", "No")),
    ),
    Question(
        "trend",
        "Does it get worse?",
        (Answer("yes", "Yes", shifts=-1), Answer("no", "No, or not known")),
    ),
)


@dataclass(frozen=True, slots=True)
class Proposal:
    severity: Severity
    because: tuple[str, ...]


def propose(answers: Mapping[str, str]) -> Proposal | None:
    """None while no answer asks for a severity. What one answer alone asks for as P0 for harm, no way
    around it lowers; unknown keys and answers are as none."""
    given = [
        (question, found)
        for question in QUESTIONS
        if (found := question.answer(answers.get(question.key)))
    ]
    asked = [(question, answer) for question, answer in given if answer.at_least is not None]
    if not asked:
        return None
    level = min(ORDER.index(answer.at_least) for _question, answer in asked if answer.at_least)
    is_harm = any(question.key == "harm" for question, _answer in asked)
    shifts = [] if is_harm else [(q, answer) for q, answer in given if answer.shifts]
    level = min(max(level + sum(answer.shifts for _q, answer in shifts), 0), len(ORDER) - 1)
    reasons = [*asked, *shifts]
    return Proposal(ORDER[level], tuple(f"{q.text} {answer.text}." for q, answer in reasons))
