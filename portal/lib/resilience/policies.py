"""The table of everything that is called out of the process, and what holds when it fails.

The code, the system-health page, `/metrics` and `docs/failure-policies.md` all read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Direction(StrEnum):
    """What happens to the work that needs a dependency which is away."""

    CLOSED = "closed"
    OPEN = "open"


class Tracing(StrEnum):
    """Whether a call is a span of its own, and whether who is called learns of the trace.

    Only what belongs to the installation may learn of it.
    """

    NOT = "no"
    SPAN = "a span"
    SENT_ON = "a span, sent on"


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens after so many failures in a row; one probe after each cool-down, in seconds.

    A shared one has its state in the cache, for all processes; else each process has its own.
    """

    failures: int
    cool_down: float = 30.0
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """One row. `timeouts` and `delays` are seconds for each attempt in turn, `bulkhead` how many
    calls may be under way at once in a process.

    `is_cut`: an attempt that does not end in time is left behind in a thread of its own, which
    bounds also what has no timeout, such as resolving a name. `is_measured`: latencies are kept in
    the cache for the system-health page. `objective` is the share of calls that should be answered.
    """

    name: str
    title: str
    timeouts: tuple[float, ...]
    delays: tuple[float, ...]
    breaker: Breaker | None
    bulkhead: int
    direction: Direction
    loses: str
    recovers: str
    fallback: str = "none"
    jitter: float = 0.0
    is_cut: bool = True
    is_measured: bool = False
    objective: float = 0.99
    tracing: Tracing = Tracing.SPAN

    def __post_init__(self) -> None:
        if len(self.timeouts) != len(self.delays) or self.delays[:1] != (0.0,):
            msg = f"{self.name}: each attempt has a timeout and a delay, and the first has none"
            raise ValueError(msg)

    @property
    def attempts(self) -> int:
        return len(self.timeouts)


# The standard's schedule: at once, then after 2, 4 and 8 s.
STANDARD_TIMEOUTS = (10.0, 15.0, 20.0, 30.0)
STANDARD_DELAYS = (0.0, 2.0, 4.0, 8.0)
ONCE = (0.0,)

_TABLE = (
    Policy(
        name="database",
        title="PostgreSQL",
        timeouts=(5.0,),
        delays=ONCE,
        breaker=Breaker(failures=5),
        bulkhead=0,
        is_cut=False,
        direction=Direction.CLOSED,
        loses="What changes anything, or needs a record of itself, is refused: 503 DB_UNAVAILABLE. The status"
        " page, health checks and metrics go on; with a replica, what is only read does as well.",
        fallback="the replica, read only, where one is configured and fresh enough",
        recovers="By itself: loops try again after half a second, twice as long each time; from the fifth failure"
        " on one connection is tried every 30 s, and the first that works closes it.",
        objective=0.999,
    ),
    Policy(
        name="replica",
        title="PostgreSQL, read replica",
        timeouts=(5.0,),
        delays=ONCE,
        breaker=Breaker(failures=5),
        bulkhead=0,
        is_cut=False,
        direction=Direction.CLOSED,
        loses="While the database is away, nothing is read either. Else nothing is lost.",
        recovers="By itself, as the database does.",
        objective=0.999,
    ),
    Policy(
        name="broker",
        title="Broker: waking the worker",
        timeouts=(1.0,),
        delays=ONCE,
        breaker=Breaker(failures=1, cool_down=5.0),
        bulkhead=8,
        direction=Direction.OPEN,
        loses="What is due waits in the database; nothing of it is lost.",
        recovers="By itself: it is tried again after 5 s, and beat asks for what waits every 2 s.",
        tracing=Tracing.SENT_ON,
    ),
    Policy(
        name="cache",
        title="Cache: shared state of breakers",
        timeouts=(0.5,),
        delays=ONCE,
        breaker=Breaker(failures=1, cool_down=5.0),
        bulkhead=0,
        is_cut=False,
        direction=Direction.OPEN,
        loses="Each process judges its dependencies alone, and latencies are not kept.",
        recovers="By itself: it is tried again after 5 s.",
        fallback="each process's own state",
        tracing=Tracing.NOT,
    ),
    Policy(
        name="pagerduty",
        title="PagerDuty: pages to on-call",
        timeouts=STANDARD_TIMEOUTS,
        delays=STANDARD_DELAYS,
        breaker=Breaker(failures=4, is_shared=True),
        bulkhead=4,
        is_measured=True,
        direction=Direction.CLOSED,
        loses="Pages by PagerDuty are late. What is to be sent is kept, and sent once it answers.",
        recovers="By itself: one call is let through 30 s after it opened, and a success closes it.",
    ),
    Policy(
        name="slack",
        title="Slack: messages to channels and people",
        timeouts=STANDARD_TIMEOUTS,
        delays=STANDARD_DELAYS,
        breaker=Breaker(failures=4, is_shared=True),
        bulkhead=4,
        is_measured=True,
        direction=Direction.CLOSED,
        loses="Messages to Slack are late. What is to be sent is kept, and sent once it answers.",
        recovers="By itself: one call is let through 30 s after it opened, and a success closes it.",
    ),
    Policy(
        name="jira",
        title="Jira: tickets out, their status back",
        timeouts=STANDARD_TIMEOUTS,
        delays=STANDARD_DELAYS,
        breaker=Breaker(failures=4, is_shared=True),
        bulkhead=4,
        is_measured=True,
        direction=Direction.CLOSED,
        loses="Tickets are late, and what is shown of their status is old.",
        recovers="By itself: one call is let through 30 s after it opened, and a success closes it.",
    ),
    Policy(
        name="smtp",
        title="Mail server: notifications by email",
        timeouts=STANDARD_TIMEOUTS,
        delays=STANDARD_DELAYS,
        breaker=Breaker(failures=4, is_shared=True),
        bulkhead=4,
        is_measured=True,
        direction=Direction.CLOSED,
        loses="Email is late. What is to be sent is kept, and sent once the server answers.",
        recovers="By itself: one call is let through 30 s after it opened, and a success closes it.",
    ),
    Policy(
        name="webhook",
        title="Webhooks: notifications to programs of others",
        timeouts=STANDARD_TIMEOUTS,
        delays=STANDARD_DELAYS,
        breaker=None,  # many receivers: one that is down must not silence the others
        bulkhead=4,
        is_measured=True,
        direction=Direction.CLOSED,
        loses="A receiver that does not answer learns late. The others learn in time.",
        recovers="By itself: each delivery is tried again, ever more seldom, before it is given up.",
        objective=0.95,
    ),
    Policy(
        name="emergency-pagerduty",
        title="PagerDuty: emergencies, sent by the watchdog",
        timeouts=(3.0,),
        delays=ONCE,
        breaker=None,
        bulkhead=2,
        direction=Direction.CLOSED,
        loses="On-call does not learn of the emergency by page; the log says so at each attempt.",
        recovers="By itself: it is tried again at each beat of the watchdog, every 5 s.",
    ),
    Policy(
        name="witnesses",
        title="Witnesses of checkpoints",
        timeouts=(5.0,),
        delays=ONCE,
        breaker=None,
        bulkhead=16,
        is_cut=False,  # each request has a thread of its own already
        is_measured=True,
        direction=Direction.OPEN,
        loses="Checkpoints are signed without the cosignature of a witness that does not answer.",
        recovers="By itself: one that failed is asked every 30 s in the background, and not waited for.",
        fallback="the checkpoint with the log's own signature",
        objective=0.95,
    ),
    Policy(
        name="journal-central",
        title="Central log: the journal's copy",
        timeouts=(10.0,),
        delays=ONCE,
        breaker=Breaker(failures=4, is_shared=True),
        bulkhead=1,
        is_measured=True,
        direction=Direction.CLOSED,
        loses="The copy is late. Nothing is lost: the journal's files are sent from where they stopped.",
        recovers="By itself: the same lines are sent until they are acknowledged, at most a minute apart.",
        fallback="the journal's files on this machine",
        tracing=Tracing.SENT_ON,
    ),
    Policy(
        name="trace-collector",
        title="Collector of traces (OpenTelemetry)",
        timeouts=(10.0,),
        delays=ONCE,
        breaker=Breaker(failures=4),
        bulkhead=1,
        direction=Direction.OPEN,
        loses="Spans are thrown away and counted; no request and no task waits for them.",
        recovers="By itself: it is tried again after 30 s. What was thrown away is not sent later.",
        objective=0.95,
        tracing=Tracing.NOT,  # or each export would be exported
    ),
    Policy(
        name="probe",
        title="Probes of the watchdog and of /health/ready",
        timeouts=(3.0,),
        delays=ONCE,
        breaker=None,
        bulkhead=0,
        is_cut=False,  # each has a thread of its own already
        direction=Direction.CLOSED,
        loses="One part is not known, and counts as failing.",
        recovers="By itself: each is repeated every 5 s.",
        objective=0.95,
        tracing=Tracing.NOT,
    ),
)

POLICIES: Mapping[str, Policy] = MappingProxyType({policy.name: policy for policy in _TABLE})


def policy_of(dependency: str) -> Policy:
    return POLICIES[dependency]
