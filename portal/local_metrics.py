"""What a web process knows without the database: its parts, its disk, its memory, its watchdog.

Each scrape costs the same, however much there is. A part that cannot be asked is left out, and
`vigil_ready` says which it is.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from django.conf import settings
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from audit import journal
from audit.gate import latch
from audit.journal import disk
from portal import health, queues
from portal.limits.processes import Family
from portal.watchdog import State, read_report

log = structlog.get_logger(__name__)


class LocalCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _ready()
        yield from _queues()
        yield from _journal()
        yield GaugeMetricFamily(
            "vigil_gate_latched_here",
            "Whether the gate is latched on this machine.",
            float(latch.closed() is not None),
        )
        yield from _watchdog()
        yield GaugeMetricFamily(
            "vigil_memory_bytes",
            "Resident memory of the web processes together.",
            Family().resident(),
        )


def _ready() -> Iterator[Metric]:
    found = GaugeMetricFamily(
        "vigil_ready", "Whether a part does its work, as in /health/ready.", labels=["part"]
    )
    for part, problem in health.readiness.findings().items():
        found.add_metric([part], float(not problem))
    yield found


def _queues() -> Iterator[Metric]:
    found = GaugeMetricFamily(
        "vigil_queue_depth", "Tasks that wait in a queue of the broker.", labels=["queue"]
    )
    answer = queues.depths()
    # A figure has the time of its scrape: an old one would be wrong.
    if answer is None or answer.is_stale:
        return
    for queue, depth in answer.value.items():
        found.add_metric([queue], depth)
    yield found


def _journal() -> Iterator[Metric]:
    where = journal.directory()
    try:
        free = disk.free(where if where.exists() else settings.VAR.var)
    except OSError as error:
        log.warning("metrics_without_disk", error=str(error))
        return
    yield GaugeMetricFamily(
        "vigil_journal_disk_free_ratio", "Free share of the disk with the journal.", free
    )


def _watchdog() -> Iterator[Metric]:
    report = read_report(settings.VAR.watchdog)
    if report is None:
        return
    yield GaugeMetricFamily(
        "vigil_watchdog_beat_age_seconds",
        "Time since the watchdog beside this process looked last.",
        max(0.0, (datetime.now(UTC) - report.beat_at).total_seconds()),
    )
    failing = GaugeMetricFamily(
        "vigil_watchdog_failing", "Whether the watchdog found a part failing.", labels=["probe"]
    )
    for name, seen in report.probes.items():
        failing.add_metric([name], float(seen.state is State.FAILING))
    yield failing
