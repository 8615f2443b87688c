"""What is left of what: each dependency × (down, slow, wrong answers, flapping) → what still works.

What a fault makes the installation find is said here; what that leaves of each capability follows from
`CAPABILITIES`, so that a claim of the system-health page and a row of `docs/failure-matrix.md` are one
and the same. Where the page cannot know better, that is an exception, with its reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from portal.lib.resilience.policies import policy_of
from portal.system.capabilities import CAPABILITIES, Level, judge
from portal.watchdog import State
from tests.faulty_proxy import Mode

FAULTS = (Mode.DOWN, Mode.SLOW, Mode.WRONG, Mode.FLAPPING)
TELLING = "Telling teams of incidents"
PUBLIC = "Status page and health checks"
TITLES = (*(each.title for each in CAPABILITIES), PUBLIC)
# By which something is slower than the first timeout of its policy allows.
BEYOND = 2.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """`behind` are the proxies that stand before it, `processes` what the supervisor calls them.
    `finds` are the findings that fail without it, `finds_in` those in some mode if others."""

    name: str
    title: str
    finds: frozenset[str]
    behind: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    policy: str = ""
    finds_in: Mapping[Mode, frozenset[str]] = field(default_factory=dict)
    is_read_only: bool = False
    note: str = ""
    provokes: str = ""
    """A process held down for the time of the fault, so that there is something to page for."""

    @property
    def delay(self) -> float:
        return policy_of(self.policy or self.name).timeouts[0] + BEYOND


def _served(name: str, title: str, *finds: str, **more: object) -> Dependency:
    behind = more.pop("behind", (name,))
    return Dependency(name, title, frozenset(finds), behind=behind, **more)  # type: ignore[arg-type] # its fields


def _process(name: str, title: str, *finds: str, **more: object) -> Dependency:
    return Dependency(name, title, frozenset(finds), processes=(name,), **more)  # type: ignore[arg-type] # its fields


UNTIL_LATE = (
    "Shown is what is left once the oldest event has waited for VIGIL_MAX_CHECKPOINT_LAG (60 s) for a"
    " signed checkpoint. Until then changes are made, and wait for one."
)
DEPENDENCIES = (
    _served(
        "database",
        "PostgreSQL, with a replica to read",
        *("database", "ledger"),
        is_read_only=True,
    ),
    _served(
        "database-and-replica",
        "PostgreSQL, and its replica with it",
        *("database", "ledger"),
        behind=("database", "replica"),
        policy="database",
    ),
    _served("replica", "PostgreSQL, the replica alone"),
    _served("broker", "Broker", "broker"),
    _served("cache", "Cache", "cache"),
    _served(
        "emergency-pagerduty",
        "PagerDuty, for emergencies",
        *("emergency-pagerduty", "beat"),
        provokes="beat",
    ),
    _served("witnesses", "Witness of checkpoints", "witnesses"),
    _served("journal-central", "Central log", "journal-central"),
    _served("trace-collector", "Collector of traces"),
    _process(
        "web",
        "Web processes",
        "web",
        finds_in={Mode.SLOW: frozenset()},
        note="Off is here a connection that is refused, or ends: nobody is there to say so.",
    ),
    _process("worker", "Worker", "worker"),
    _process("notifier", "Notifier", "notifier"),
    _process("beat", "Beat", "beat"),
    _process("ledger", "Sequencer", "sequencer", "ledger", note=UNTIL_LATE),
    _process("signer", "Signer", "signer", "ledger", note=UNTIL_LATE),
    _process("watchdog", "Watchdog", "watchdog"),
)
BY_NAME = {each.name: each for each in DEPENDENCIES}

# What there is no fault of this kind of, and why.
NO_ANSWERS = (
    "A process is asked nothing over a wire: what it writes is checked by the database, the signer"
    " and the verifier."
)
NOT_APPLICABLE: Mapping[tuple[str, Mode], str] = {
    (each.name, Mode.WRONG): NO_ANSWERS for each in DEPENDENCIES if each.processes
}
# Rows of the policies that have none here, and why.
_BY_NOTIFIER = (
    "What the notifier calls fails for its own channel alone: messages are kept, and sent again. Here"
    " the notifier itself fails."
)
LEFT_OUT: Mapping[str, str] = {
    **dict.fromkeys(("pagerduty", "slack", "jira", "smtp", "webhook"), _BY_NOTIFIER),
    "probe": "It is how the others are looked at, and fails as they do.",
}


# What goes on without a web process, and cannot be asked after without one.
UNSEEN: Mapping[str, frozenset[str]] = {
    "web": frozenset({"Background work", "The record", TELLING})
}


@dataclass(frozen=True, slots=True)
class Otherwise:
    """`level` in place of what the page says, and why."""

    level: Level
    reason: str


EXCEPTIONS: Mapping[tuple[str, Mode, str], Otherwise] = {
    ("emergency-pagerduty", Mode.SLOW, "Paging on-call"): Otherwise(
        Level.DEGRADED,
        "Whether a page arrived is not known in time, so that the page says off; it arrives late, and is sent again at"
        " each beat, which PagerDuty takes for the same incident.",
    ),
}


@dataclass(frozen=True, slots=True)
class Cell:
    dependency: Dependency
    mode: Mode

    def __str__(self) -> str:
        return f"{self.dependency.name} {self.mode.value}"

    @property
    def finds(self) -> frozenset[str]:
        return self.dependency.finds_in.get(self.mode, self.dependency.finds)

    @property
    def is_steady(self) -> bool:
        """What flaps may be caught well at any moment: its levels are the worst."""
        return self.mode is not Mode.FLAPPING

    def claimed(self) -> dict[str, Level]:
        """What the page says of it."""
        states = dict.fromkeys(self.finds, State.FAILING)
        judged = judge(states, is_read_only=self.dependency.is_read_only)
        is_served = "web" not in self.finds
        told = {each.capability.title: each.level for each in judged}
        return {**told, PUBLIC: Level.FULL if is_served else Level.OFF}

    def expected(self) -> dict[str, Level]:
        """What is really left of each capability."""
        other = {
            title: exception.level
            for (name, mode, title), exception in EXCEPTIONS.items()
            if (name, mode) == (self.dependency.name, self.mode)
        }
        return {**self.claimed(), **other}


def together(name: str, *names: str) -> Cell:
    """Several of them down at once: what each takes away is gone."""
    parts = [BY_NAME[each] for each in names]
    everything = Dependency(
        name,
        name,
        frozenset().union(*(each.finds for each in parts)),
        tuple(proxy for each in parts for proxy in each.behind),
        tuple(process for each in parts for process in each.processes),
    )
    return Cell(everything, Mode.DOWN)


def cells() -> Iterator[Cell]:
    for dependency in DEPENDENCIES:
        for mode in FAULTS:
            if (dependency.name, mode) not in NOT_APPLICABLE:
                yield Cell(dependency, mode)
