"""What a postmortem starts from: the sections that the record of the incident can begin. Pure.

No person is named in them: what is written there is kept as it was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """Each in words: what contained it, what verified it, what was left open, who had which role."""

    contained: Sequence[str] = ()
    verified: Sequence[str] = ()
    unanswered: Sequence[str] = ()
    roles: Sequence[str] = ()


def beginning(section: str, recorded: Recorded) -> str:
    """What the section says before anybody wrote it; nothing where the record has nothing for it."""
    parts = {
        "summary": [("What contained it:", recorded.contained), ("Roles:", recorded.roles)],
        "went_well": [("What showed that it was fixed:", recorded.verified)],
        "went_wrong": [("Left open on the way:", recorded.unanswered)],
    }.get(section, [])
    return "\n\n".join(
        "\n".join([heading, *(f"- {line}" for line in lines)]) for heading, lines in parts if lines
    )
