"""What Vigil can do, and what each of it needs: the table behind full, degraded and off."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.system.runbook import RUNBOOK
from portal.watchdog import State


class Level(StrEnum):
    FULL = "full"
    DEGRADED = "degraded"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Capability:
    """`needs` are the findings without which it is off; `without` says what is left of it without
    others. A finding that only warns takes nothing away."""

    title: str
    needs: tuple[str, ...]
    without: Mapping[str, str]


RECORD = ("database", "gate", "ledger", "journal")
CAPABILITIES = (
    Capability(
        "Alerts in",
        (*RECORD, "web"),
        {
            "broker": "Alerts are accepted and kept; incidents open once it is back.",
            "queue": "Alerts are accepted; incidents open late.",
            "urgent-shed": "Some are refused for now; detectors send them again.",
        },
    ),
    Capability(
        "Working incidents",
        RECORD,
        {
            "witnesses": "Changes are signed, without the cosignatures of the witnesses.",
            "urgent-shed": "Some changes are refused for now, with their text kept.",
        },
    ),
    Capability(
        "Reading incidents and the record",
        ("database",),
        {"shed": "Some pages and lists are refused for now; P0 work and alerts go first."},
    ),
    Capability(
        "Governance",
        RECORD,
        {"cache": "Decisions are made as always; breakers are no longer shared."},
    ),
    Capability(
        "The record",
        ("database", "ledger", "journal"),
        {
            "journal-central": "The record is complete here; its central copy is late.",
            "witnesses": "Checkpoints are signed, without the cosignatures of the witnesses.",
            "disk": "Little room is left; below a twentieth nothing more is changed.",
        },
    ),
    Capability(
        "Paging on-call",
        ("watchdog", "emergency-key"),
        {"pagerduty": "Emergencies are sent by the watchdog; other pages are kept and sent later."},
    ),
    Capability(
        "Live updates",
        ("database", "web"),
        {"memory": "Pages answer slowly.", "shed": "Pages are brought up to date late."},
    ),
    Capability("Evidence exports", RECORD, {"shed": "Exports and searches are refused first."}),
    Capability(
        "Background work",
        ("database",),
        {
            "broker": "What is due waits in the database until it is back.",
            "queue": "It is behind.",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Judged:
    capability: Capability
    level: Level
    because: tuple[str, ...]


def judge(states: Mapping[str, State]) -> list[Judged]:
    """By the state of each finding; what is not among them is taken to be well."""
    return [_judge(each, states) for each in CAPABILITIES]


def _judge(capability: Capability, states: Mapping[str, State]) -> Judged:
    missing = [name for name in capability.needs if states.get(name) is State.FAILING]
    if missing:
        return Judged(
            capability, Level.OFF, tuple(f"It needs {RUNBOOK[name].title}." for name in missing)
        )
    left = [text for name, text in capability.without.items() if states.get(name) is State.FAILING]
    return Judged(capability, Level.DEGRADED if left else Level.FULL, tuple(left))
