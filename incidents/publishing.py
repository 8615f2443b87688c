"""What the status page says of an incident: a word, and a text to start from for each. Pure data.

A step of the procedure publishes its word by itself, with the template's text; people publish what
they wrote, which may begin from the same templates.
"""

import re
from collections.abc import Mapping

from django.db import models

from incidents.procedure import State
from incidents.severity import Severity

MAX_PUBLIC_TEXT = 2_000
# What XML cannot carry, so that no text breaks the feed.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class Word(models.TextChoices):
    INVESTIGATING = "investigating", "Investigating"
    IDENTIFIED = "identified", "Identified"
    MONITORING = "monitoring", "Monitoring"
    RESOLVED = "resolved", "Resolved"


# Before it is acknowledged, an incident has no word: nobody has said yet that anything is wrong.
WORDS: Mapping[str, Word] = {
    State.ACKNOWLEDGED: Word.INVESTIGATING,
    State.CONTAINED: Word.INVESTIGATING,
    State.INVESTIGATING: Word.INVESTIGATING,
    State.FIXING: Word.IDENTIFIED,
    State.VERIFYING: Word.MONITORING,
    State.DOCUMENTING: Word.RESOLVED,
    State.POSTMORTEM: Word.RESOLVED,
    State.CLOSED: Word.RESOLVED,
    State.FALSE_POSITIVE: Word.RESOLVED,
}
# P3 concerns nobody outside, unless a person says so.
TOLD_BY_THEMSELVES = (Severity.P0, Severity.P1, Severity.P2)

_UNTIL_THEN = {
    Severity.P0: " We write again within 30 minutes.",
    Severity.P1: " We write again within 2 hours.",
}
_FIRST = {
    Severity.P0: "We are looking into an outage.",
    Severity.P1: "We are looking into a serious problem.",
    Severity.P2: "We are looking into a problem.",
    Severity.P3: "We are looking into a minor problem.",
}
_LATER = {
    Word.IDENTIFIED: "We know the cause, and are working on the fix.",
    Word.MONITORING: "A fix is in place. We are watching whether it holds.",
}
_RESOLVED = "This is resolved."


def template(word: Word, severity: str) -> str:
    if word == Word.RESOLVED:
        return _RESOLVED
    known = Severity(severity)
    text = _FIRST[known] if word == Word.INVESTIGATING else _LATER[word]
    return text + _UNTIL_THEN.get(known, "")
