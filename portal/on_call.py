"""Which findings of the watchdog on-call is paged for, how soon, and how loudly."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from portal import emergency
from portal.system.runbook import RUNBOOK
from portal.watchdog import State, Watched

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Urgency:
    """`after` spares on-call what is well again by itself, like a process that is started again.
    What `is_here` is another incident on each machine."""

    severity: str
    is_here: bool
    after: timedelta = timedelta(seconds=30)


AT_ONCE = timedelta()
URGENCY: Mapping[str, Urgency] = {
    "gate": Urgency("critical", is_here=True, after=AT_ONCE),
    "journal": Urgency("critical", is_here=True),
    "disk": Urgency("critical", is_here=True),
    "web": Urgency("critical", is_here=True),
    "database": Urgency("critical", is_here=False),
    "sequencer": Urgency("critical", is_here=False),
    "signer": Urgency("critical", is_here=False),
    "ledger": Urgency("critical", is_here=False),
    "broker": Urgency("error", is_here=False),
    "queue": Urgency("error", is_here=False),
    "worker": Urgency("error", is_here=False),
    "notifier": Urgency("error", is_here=False),
    "beat": Urgency("error", is_here=False),
}


class OnCall:
    """Tells in a thread of its own: a pager that does not answer never holds up a beat."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._unpaged = ""

    def tell(self, probes: Mapping[str, Watched], now: datetime) -> str:
        if self._thread is None or not self._thread.is_alive():
            arguments = (dict(probes), now)
            self._thread = threading.Thread(target=self._tell, args=arguments, daemon=True)
            self._thread.start()
        return self._unpaged

    def _tell(self, probes: Mapping[str, Watched], now: datetime) -> None:
        unpaged = ""
        for name, seen in probes.items():
            try:
                if not _told(name, seen, now):
                    unpaged = "no key to page on-call with is set"
            except OSError as error:
                unpaged = str(error)[:300]
                log.critical("nobody_paged", about=name, reason=unpaged)
        self._unpaged = unpaged


def _told(name: str, seen: Watched, now: datetime) -> bool:
    urgency = URGENCY[name]
    if seen.state is not State.FAILING:
        emergency.resolve(name, is_here=urgency.is_here)
        return True
    if now - seen.since < urgency.after:
        return True
    entry = RUNBOOK[name]
    return emergency.page(
        name,
        f"{entry.title}: {seen.detail}",
        is_here=urgency.is_here,
        severity=urgency.severity,
        do=entry.text,
    )
