"""What is known of the system, with the figures of the database or without."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from portal import emergency
from portal.database import replica
from portal.lib.heartbeat import ROLES
from portal.lib.resilience import latency
from portal.lib.resilience.latency import Service
from portal.lib.resilience.policies import POLICIES
from portal.system.capabilities import Judged, Level, judge
from portal.system.findings import Finding, findings, is_silent
from portal.system.measures import Figures
from portal.system.runbook import RUNBOOK, Entry
from portal.watchdog import Report, State, Watched, read_report

WATCHED = ("web", *ROLES)


@dataclass(frozen=True, slots=True)
class Process:
    """One role as the watchdog saw it; None where there is no watchdog that looks."""

    role: str
    seen: Watched | None

    @property
    def entry(self) -> Entry:
        return RUNBOOK[self.role]

    @property
    def is_failing(self) -> bool:
        return self.seen is not None and self.seen.state is State.FAILING


@dataclass(frozen=True, slots=True)
class Health:
    figures: Figures | None
    report: Report | None
    services: dict[str, Service]
    findings: list[Finding]
    paged: set[str]

    @property
    def judged(self) -> list[Judged]:
        return judged(self.findings)

    @property
    def is_full(self) -> bool:
        return all(each.level is Level.FULL for each in self.judged)

    @property
    def is_unwatched(self) -> bool:
        return is_silent(self.report)

    @property
    def processes(self) -> list[Process]:
        report = None if self.is_unwatched else self.report
        return [Process(role, report.probes.get(role) if report else None) for role in WATCHED]

    @property
    def beat_at(self) -> datetime | None:
        return self.report.beat_at if self.report else None


def judged(found: list[Finding]) -> list[Judged]:
    """What these leave of each capability. Where the database is away, a replica of which nothing is
    found is one that is read."""
    states = {finding.name: finding.state for finding in found}
    return judge(states, is_read_only=replica.is_configured() and "replica" not in states)


def health(figures: Figures | None) -> Health:
    """Asks nothing of the database, but by the parts of readiness."""
    services = latency.services(POLICIES)
    report = read_report(settings.VAR.watchdog)
    found = findings(figures, report, services)
    return Health(figures, report, services, found, emergency.paged())
