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
    others, `read_only` what is left where a replica is read in place of the database. A finding that only
    warns takes nothing away."""

    title: str
    needs: tuple[str, ...]
    without: Mapping[str, str]
    read_only: str = ""


SEQUENCER = "Changes are recorded, and wait for their place in the log; after a while none is made."
SIGNER = "Changes are recorded, and wait for a signature; after a while none is made."
RECORD = ("database", "gate", "ledger", "journal")
CAPABILITIES = (
    Capability(
        "Alerts in",
        (*RECORD, "web"),
        {
            "broker": "Alerts are accepted and kept; incidents open once it is back.",
            "worker": "Alerts are accepted and kept; incidents open once it is back.",
            "queue": "Alerts are accepted; incidents open late.",
            "urgent-shed": "Some are refused for now; detectors send them again.",
        },
    ),
    Capability(
        "Working incidents",
        (*RECORD, "web"),
        {
            "sequencer": SEQUENCER,
            "signer": SIGNER,
            "witnesses": "Changes are signed, without the cosignatures of the witnesses.",
            "urgent-shed": "Some changes are refused for now, with their text kept.",
        },
    ),
    Capability(
        "Reading incidents and the record",
        ("database", "web"),
        {"shed": "Some pages and lists are refused for now; P0 work and alerts go first."},
        read_only="Pages are read from the replica, as of when the banner says; nothing is changed.",
    ),
    Capability(
        "Governance",
        (*RECORD, "web"),
        {"cache": "Decisions are made as always; breakers are no longer shared."},
    ),
    Capability(
        "The record",
        ("database", "ledger", "journal"),
        {
            "sequencer": SEQUENCER,
            "signer": SIGNER,
            "journal-central": "The record is complete here; its central copy is late.",
            "witnesses": "Checkpoints are signed, without the cosignatures of the witnesses.",
            "disk": "Little room is left; below a twentieth nothing more is changed.",
        },
    ),
    Capability(
        "Telling teams of incidents",
        (*RECORD, "notifier"),
        {
            "worker": "What a person notifies is told at once; what an alert opens waits.",
            "pagerduty": "Pages are kept, and sent once PagerDuty answers.",
            "slack": "Messages to Slack are kept, and sent once it answers.",
            "jira": "Tickets are made once Jira answers.",
            "smtp": "Email is kept, and sent once the mail server answers.",
            "webhook": "Some receivers of webhooks learn late.",
            "beat": "What an incident causes is sent at once; what is to be tried again waits.",
            "broker": "Messages are sent late, or once it is back.",
            "notifications": "Messages wait although their turn has come.",
        },
    ),
    Capability(
        "Paging on-call",
        ("watchdog", "emergency-key", "emergency-pagerduty"),
        {
            "pagerduty": "Emergencies are sent by the watchdog; other pages are kept and sent later.",
            "notifier": "Emergencies are sent by the watchdog; other pages wait for the notifier.",
        },
    ),
    Capability(
        "Live updates",
        ("database", "web"),
        {"memory": "Pages answer slowly.", "shed": "Pages are brought up to date late."},
        read_only="Pages are kept up to date from the replica, in which nothing happens.",
    ),
    Capability(
        "Evidence exports",
        (*RECORD, "web"),
        {"shed": "Exports and searches are refused first."},
    ),
    Capability(
        "Background work",
        # What it changes is governed like everything else, and waits where that cannot be.
        (*RECORD, "worker"),
        {
            "broker": "What is due waits in the database until it is back.",
            "beat": "What is sent at once is done; what is due by the clock waits.",
            "queue": "It is behind.",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Judged:
    capability: Capability
    level: Level
    because: tuple[str, ...]


def judge(states: Mapping[str, State], *, is_read_only: bool = False) -> list[Judged]:
    """By the state of each finding; what is not among them is taken to be well."""
    return [_judge(each, states, is_read_only=is_read_only) for each in CAPABILITIES]


def _judge(capability: Capability, states: Mapping[str, State], *, is_read_only: bool) -> Judged:
    missing = [name for name in capability.needs if states.get(name) is State.FAILING]
    if missing == ["database"] and is_read_only and capability.read_only:
        return Judged(capability, Level.DEGRADED, (capability.read_only,))
    if missing:
        return Judged(
            capability, Level.OFF, tuple(f"It needs {RUNBOOK[name].title}." for name in missing)
        )
    left = [text for name, text in capability.without.items() if states.get(name) is State.FAILING]
    return Judged(capability, Level.DEGRADED if left else Level.FULL, tuple(dict.fromkeys(left)))
