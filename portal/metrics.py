"""`/metrics` for Prometheus: nothing that names a person, an incident or an alert.

What the database knows is asked from it at each scrape, so that it is right whichever process
answers, and `vigil_database_up` is 0 where it cannot be asked. Requests come from `counting`.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from audit import journal
from audit.journal.directory import finished_files
from audit.journal.ship.destination import Destination
from audit.journal.ship.lag import Lag, lag
from audit.ledger import lag as checkpoint_lag
from incidents.procedure import OPEN
from incidents.selectors.due import OLDEST_DUE
from incidents.severity import Severity
from portal.counting import counted
from portal.database.metrics import ReplicaCollector
from portal.health import only_read, own_connection
from portal.lib.resilience import breaker
from portal.lib.resilience.policies import POLICIES
from portal.limits.metrics import LimitsCollector
from portal.local_metrics import LocalCollector
from portal.tracing import counters  # noqa: F401 - told also where no traces are exported

STATES = (breaker.CLOSED, breaker.HALF_OPEN, breaker.OPEN)

log = structlog.get_logger(__name__)

_OPEN = """
SELECT severity, count(*), count(*) FILTER (WHERE next_target_at < clock_timestamp())
FROM incidents_incident
WHERE state = ANY (%s) AND NOT is_restricted AND NOT is_drill GROUP BY severity
"""
_GAUGES = {
    "vigil_receipts_pending": (
        "Accepted alerts that wait to be processed.",
        "SELECT count(*) FROM incidents_alertreceipt WHERE fate = 'pending'",
    ),
    "vigil_receipts_oldest_pending_seconds": (
        "How long the oldest of them has waited; 0 for none.",
        """SELECT extract(epoch FROM clock_timestamp() - received_at) FROM incidents_alertreceipt
        WHERE fate = 'pending' ORDER BY id LIMIT 1""",
    ),
    "vigil_notifications_pending": (
        "Notifications that wait to be sent.",
        "SELECT count(*) FROM incidents_notification WHERE state = 'pending'",
    ),
    "vigil_notifications_oldest_due_seconds": (
        "How long the oldest of them whose turn it is has waited; 0 for none.",
        f"SELECT coalesce(({OLDEST_DUE}), 0)",
    ),
    "vigil_notifications_dead": (
        "Notifications that were given up, and neither sent again nor set aside.",
        "SELECT count(*) FROM incidents_notification WHERE state = 'dead'",
    ),
    "vigil_ledger_size": ("Leaves in the log.", "SELECT size FROM audit_head"),
    "vigil_ledger_pending": (
        "Events that wait for their place in the log.",
        "SELECT count(*) FROM audit_pending",
    ),
    "vigil_ledger_oldest_pending_seconds": (
        "How long the oldest event without a signed checkpoint over it has waited; 0 for none.",
        checkpoint_lag.OLDEST_UNSIGNED,
    ),
    "vigil_ledger_checkpoint_age_seconds": (
        "Time since the last checkpoint was signed. Grows while nothing happens, too.",
        """SELECT extract(epoch FROM clock_timestamp() - signed_at) FROM audit_checkpoint
        ORDER BY size DESC LIMIT 1""",
    ),
    "vigil_gate_latched": (
        "Whether a latch is on record that nobody has released.",
        "SELECT EXISTS (SELECT FROM audit_gatelatch WHERE released_at IS NULL)::int",
    ),
    "vigil_backup_last_timestamp_seconds": (
        "When the last backup on record was made; 0 for none.",
        """SELECT extract(epoch FROM at) FROM audit_event WHERE event = 'backup_made'
        ORDER BY id DESC LIMIT 1""",
    ),
}
_SEALED = "SELECT target FROM audit_event WHERE event = 'journal_sealed' AND target = ANY (%s)"
_FAILURES = "SELECT count(*) FROM audit_event WHERE verdict = 'failure'"


class JournalCollector(Collector):
    """Of this machine's journal, from its disk alone."""

    def collect(self) -> Iterator[Metric]:
        where = journal.directory()
        try:
            behind = _lag(where)
        except OSError as error:
            log.warning("metrics_without_journal", error=str(error))
            behind = Lag()
        for name, description, value in (
            ("ship_lag_bytes", "What the receiver has not taken yet.", behind.bytes),
            ("ship_lag_seconds", "Age of the oldest line among it.", behind.seconds),
        ):
            yield GaugeMetricFamily(f"vigil_journal_{name}", description, float(value))


def _lag(where: Path) -> Lag:
    if not settings.JOURNAL_SHIP:
        return Lag()
    return lag(where, Destination.parse(settings.JOURNAL_SHIP).name)


class DatabaseCollector(Collector):
    """Open incidents leave out drills, and restricted ones: anybody may read this."""

    def collect(self) -> Iterator[Metric]:
        try:
            found = list(self._asked())
        except DatabaseError as error:
            log.warning("metrics_without_database", error=str(error).strip())
            found = []
        yield GaugeMetricFamily(
            "vigil_database_up", "Whether the database can be asked.", float(bool(found))
        )
        yield from found

    def _asked(self) -> Iterator[Metric]:
        finished = finished_files(journal.directory())
        with own_connection() as cursor:
            cursor.execute(_OPEN, [[state.value for state in OPEN]])
            counts = {severity: found for severity, *found in cursor.fetchall()}
            incidents = GaugeMetricFamily(
                "vigil_incidents_open", "Open incidents.", labels=["severity"]
            )
            breached = GaugeMetricFamily(
                "vigil_incidents_breached",
                "Open incidents with a deadline that has passed.",
                labels=["severity"],
            )
            for severity in Severity.values:
                is_open, is_late = counts.get(severity, (0, 0))
                incidents.add_metric([severity], is_open)
                breached.add_metric([severity], is_late)
            yield incidents
            yield breached
            for name, (description, query) in _GAUGES.items():
                cursor.execute(query)
                row = cursor.fetchone()
                yield GaugeMetricFamily(name, description, float(row[0]) if row else 0.0)
            cursor.execute(_SEALED, [[f"audit.journal:{file}" for file in finished]])
            sealed = {row[0].partition(":")[2] for row in cursor.fetchall()}
            waiting = [began for file, began in finished.items() if file not in sealed]
            yield GaugeMetricFamily(
                "vigil_journal_oldest_unsealed_seconds",
                "Age of the oldest finished journal file whose seal is not recorded; 0 for none.",
                max(time.time() - min(waiting), 0.0) if waiting else 0.0,
            )
            cursor.execute(_FAILURES)
            yield CounterMetricFamily(
                "vigil_gate_failures",
                "Decisions that the gate could not make, on record.",
                cursor.fetchone()[0],
            )


class BreakerCollector(Collector):
    """Needs no database. A breaker that each process has for itself is this process's."""

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(
            "vigil_breaker_state",
            "Circuit breakers: 0 closed, 1 half-open, 2 open.",
            labels=["dependency"],
        )
        for name in POLICIES:
            if found := breaker.circuit(name):
                gauge.add_metric([name], STATES.index(found.state))
        yield gauge


@csrf_exempt
def metrics(request: HttpRequest) -> HttpResponse:
    only_read(request)
    registry = CollectorRegistry()
    for collector in (
        DatabaseCollector(),
        LocalCollector(),
        JournalCollector(),
        BreakerCollector(),
        ReplicaCollector(),
        LimitsCollector(),
    ):
        registry.register(collector)
    return HttpResponse(
        generate_latest(registry) + counted(),
        content_type=CONTENT_TYPE_PLAIN_0_0_4,
        headers={"Cache-Control": "no-store"},
    )
