"""What a postmortem is made of, and what helps to write it without blame. Pure: pages, services, the
API and the exports read it from here."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_FACTORS = 30
MAX_FACTOR = 500
MAX_DEPTH = 7
MAX_WHYS = 100
MAX_ITEMS = 100

Value = str | list[str]


@dataclass(frozen=True, slots=True)
class Section:
    """`name` is the column; a list is written one a line. Review takes those that are required."""

    name: str
    label: str
    hint: str
    is_required: bool = False
    is_list: bool = False
    rows: int = 6


SECTIONS = (
    Section(
        "summary",
        "Summary",
        "What happened, in a few sentences that an outsider understands.",
        is_required=True,
    ),
    Section(
        "impact",
        "Impact",
        "Who was affected, how, and for how long. Numbers, where there are some.",
        is_required=True,
    ),
    Section(
        "root_cause",
        "Root cause",
        "What made it possible: systems and conditions, never a person. Ask what made the step look"
        " right at that moment.",
        is_required=True,
    ),
    Section(
        "contributing_factors",
        "Contributing factors",
        "One a line: what made it likelier, longer or worse. Tools, load, missing knowledge, handovers.",
        is_list=True,
    ),
    Section("went_well", "What went well", "What helped, so that it is kept."),
    Section(
        "went_wrong",
        "What went wrong",
        "Where tools, alerts or procedures did not help. Write “the alert said”, not “somebody missed”.",
    ),
    Section(
        "lucky",
        "Where we were lucky",
        "What kept it from getting worse, though nobody had seen to it.",
    ),
    Section(
        "lessons",
        "Lessons",
        "What is known now that was not known before, for those who come next.",
    ),
)
BY_NAME: Mapping[str, Section] = {section.name: section for section in SECTIONS}
WHYS_HINT = (
    "Ask why of each answer, until it is something that can be changed. An answer may have several"
    " reasons. If one ends with a person, ask what the person could not see."
)
ITEMS_HINT = (
    "What is done about it, by whom, until when. Prefer what changes the system to reminders."
)


def digest(value: object) -> str:
    """Stands for a text as somebody saw it: what changed meanwhile has another one."""
    if isinstance(value, list | tuple):
        value = "\n".join(str(part) for part in value)
    return hashlib.sha256(str(value or "").encode()).hexdigest()[:16]


def as_text(value: object) -> str:
    """As it is typed: a list one a line."""
    return "\n".join(value) if isinstance(value, list) else str(value or "")


def factors(text: str) -> list[str]:
    """The lines of a list; the dashes that people put before them are no part of it."""
    lines = (line.strip().removeprefix("-").removeprefix("*").strip() for line in text.splitlines())
    return [line for line in lines if line]


def missing(values: Mapping[str, object], *, whys: int, items: Sequence[object]) -> list[str]:
    """What review still takes, in words."""
    lacks = [
        f"{section.label} is empty"
        for section in SECTIONS
        if section.is_required and not values.get(section.name)
    ]
    if not whys:
        lacks.append("No why has been asked")
    if not items:
        lacks.append("There is no action item")
    return lacks
