"""What is wrong now, from everything that looks: readiness, watchdog, breakers, figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connections

from portal.backlog import MOST_WAITING
from portal.database import replica
from portal.database.away import away
from portal.health import readiness
from portal.lib.heartbeat import ROLES
from portal.lib.resilience.breaker import CLOSED, OPEN, Circuit, circuit
from portal.lib.resilience.latency import Service
from portal.lib.resilience.policies import POLICIES
from portal.lib.resilience.shared import shared
from portal.limits import reports, shedding
from portal.limits.table import MIB, Priority
from portal.system.measures import Figures, ago, memory_used
from portal.system.runbook import RUNBOOK, Entry
from portal.watchdog import INTERVAL, Report, State

OLDEST_RECEIPT = 30.0
# Several sweeps.
OLDEST_UNSENT = 60.0
FULL_MEMORY = 0.90
# Beats that may be missed before the watchdog counts as gone.
PATIENCE = 3
# Calls in a row that failed, after which what is called counts as gone.
GONE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    state: State
    detail: str
    since: datetime | None = None

    @property
    def runbook(self) -> Entry:
        return RUNBOOK[self.name]


def findings(
    figures: Figures | None, report: Report | None, services: dict[str, Service]
) -> list[Finding]:
    """All that is not well, worst first; one for each name."""
    found: dict[str, Finding] = {}
    for finding in (
        # It knows since when; who looks now only adds to that.
        *_from_replica(),
        *_from_watchdog(report),
        *_from_readiness(),
        *_from_breakers(services),
        *(_from_figures(figures) if figures else ()),
        *(_from_notifications(figures) if figures else ()),
        *_from_machine(),
        *_from_limits(),
    ):
        before = found.get(finding.name)
        if before is None or (before.state is State.WARNING and finding.state is State.FAILING):
            found[finding.name] = finding
    if "database" in found:
        # Who is not heard of for want of it is nobody to look for.
        found = {
            name: each
            for name, each in found.items()
            if name not in ROLES or each.state is State.FAILING
        }
    return sorted(found.values(), key=lambda each: (each.state is not State.FAILING, each.name))


def _from_readiness() -> Iterator[Finding]:
    for name, problem in readiness.findings().items():
        if problem:
            yield Finding(name, State.FAILING, problem)


def _from_replica() -> Iterator[Finding]:
    """Whether it could be read, were the database to go away now."""
    if not replica.is_configured():
        return
    try:
        replica.usable(replica.standing(connections[replica.ALIAS]), away.since())
    except replica.ReplicaUnusable as error:
        yield Finding("replica", State.WARNING, str(error))
    except DatabaseError:
        yield Finding("replica", State.WARNING, "it does not answer")


def _from_watchdog(report: Report | None) -> Iterator[Finding]:
    if not settings.EMERGENCY_PAGERDUTY_KEY:
        yield Finding("emergency-key", State.FAILING, "no key to page on-call with is set")
    if report is None:
        yield Finding("watchdog", State.FAILING, "it has never run here")
        return
    if is_silent(report):
        detail = f"its last beat is {ago(report.beat_at):.0f} s old"
        yield Finding("watchdog", State.FAILING, detail, report.beat_at)
        return
    if report.unpaged and settings.EMERGENCY_PAGERDUTY_KEY:
        yield Finding("emergency-pagerduty", State.FAILING, report.unpaged)
    for name, seen in report.probes.items():
        if seen.state is not State.OK and name in RUNBOOK:
            yield Finding(name, seen.state, seen.detail, seen.since)


def _from_breakers(services: dict[str, Service]) -> Iterator[Finding]:
    for name, policy in POLICIES.items():
        breaker = circuit(name)
        if breaker is not None and name in RUNBOOK and (state := breaker.state) != CLOSED:
            level = State.FAILING if state == OPEN else State.WARNING
            yield Finding(name, level, f"its breaker is {state}", _opened_at(breaker))
        # What one process has seen alone says too little.
        service = services.get(name) if policy.is_measured else None
        if service is None or service.share is None:
            continue
        if service.failed_in_a_row >= GONE:
            detail = f"the last {service.failed_in_a_row} calls were not answered"
            yield Finding(name, State.FAILING, detail)
        elif service.share < policy.objective:
            detail = f"{service.share:.1%} answered in the last hour, {policy.objective:.1%} wanted"
            yield Finding(name, State.WARNING, detail)
    if shared.is_away:
        yield Finding("cache", State.FAILING, "it does not answer this process")


def _opened_at(breaker: Circuit) -> datetime | None:
    """When it opened first, however often it was tried since."""
    return next((each.at for each in breaker.history() if each.before == CLOSED), None)


def _from_figures(figures: Figures) -> Iterator[Finding]:
    if figures.receipts > MOST_WAITING or figures.oldest_receipt > OLDEST_RECEIPT:
        detail = f"{figures.receipts} alerts wait, the oldest for {figures.oldest_receipt:.0f} s"
        is_stuck = figures.oldest_receipt > OLDEST_RECEIPT
        yield Finding("queue", State.FAILING if is_stuck else State.WARNING, detail)
    elif figures.queues and (tasks := sum(figures.queues.value.values())) > MOST_WAITING:
        yield Finding("queue", State.WARNING, f"{tasks} tasks wait in the broker")


def _from_notifications(figures: Figures) -> Iterator[Finding]:
    if figures.oldest_unsent > OLDEST_UNSENT:
        detail = f"nobody has sent what has been due for {figures.oldest_unsent:.0f} s"
        yield Finding("notifications", State.FAILING, detail)
    elif figures.dead:
        detail = f"{figures.dead} given up, and neither sent again nor set aside"
        yield Finding("notifications", State.WARNING, detail)


def _from_machine() -> Iterator[Finding]:
    if (used := memory_used()) > FULL_MEMORY:
        yield Finding("memory", State.FAILING, f"{used:.0%} of memory is in use")


def _from_limits() -> Iterator[Finding]:
    """Of the last minute. A rate that one caller is over is theirs alone, and only warns."""
    for name, is_urgent in (("shed", False), ("urgent-shed", True)):
        found = {
            (reason, priority): number
            for (reason, priority), number in shedding.recent().items()
            if (priority >= Priority.HIGH) is is_urgent
        }
        if found:
            detail = ", ".join(
                f"{number} × {priority.label} ({shedding.REASONS[reason]})"
                for (reason, priority), number in sorted(found.items())
            )
            is_ours = any(reason != "rate" for reason, _priority in found)
            state = State.FAILING if is_ours else State.WARNING
            yield Finding(name, state, f"refused in the last minute: {detail}")
    for report in reports.read():
        if report.is_leak:
            detail = (
                f"{report.process} ({report.pid}) grows by {report.per_hour / MIB:.0f} MB an hour"
            )
            yield Finding("growth", State.WARNING, detail)


def is_silent(report: Report | None) -> bool:
    return report is None or ago(report.beat_at) > PATIENCE * INTERVAL
