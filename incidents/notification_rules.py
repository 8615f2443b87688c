"""Who is told of an incident of which severity: the standard, section XVI, as data.

An installation starts with these lines, edits them under *Who is told*, and falls back on them where
one is missing. `docs/notifications.md` has the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from incidents.severity import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """`kinds` of channels; whether the backup team is told too, and each member in person; whether an
    alert that opens an incident tells them by itself; whether a page that nobody acknowledges goes on to
    the backup."""

    kinds: tuple[str, ...]
    tells_backup: bool = False
    tells_people: bool = False
    is_automatic: bool = False
    escalates: bool = False


_PAGE = Rule(
    ("pagerduty", "webhook"),
    tells_backup=True,
    tells_people=True,
    is_automatic=True,
    escalates=True,
)
STANDARD: Mapping[str, Rule] = {
    Severity.P0.value: _PAGE,
    Severity.P1.value: _PAGE,
    Severity.P2.value: Rule(("slack", "webhook")),
    Severity.P3.value: Rule(("jira", "webhook")),
}
# Programs of others that nobody has named are nobody to show a message for.
ONLY_WHERE_NAMED = frozenset({"webhook"})
# What is told to those who know of an incident already, by kind; a contact method is a person's.
_ALL = frozenset(
    {
        *("acknowledged", "status_update", "severity_changed", "resolved"),
        *("closed", "dismissed", "reopened"),
    }
)
FOLLOW_UPS: Mapping[str, frozenset[str]] = {
    "pagerduty": frozenset({"acknowledged", "resolved", "closed", "dismissed", "reopened"}),
    "slack": _ALL,
    "jira": _ALL,
    "email": _ALL,
    "webhook": _ALL,
}
TO_PEOPLE = frozenset({"acknowledged", "resolved", "closed", "dismissed", "reopened"})
# The steps of the procedure that are told, and as what.
MOVES: Mapping[str, str] = {
    "acknowledge": "acknowledged",
    "document": "resolved",
    "close": "closed",
    "dismiss": "dismissed",
    "reopen": "reopened",
}
