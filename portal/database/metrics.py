"""The replica in `/metrics`, asked beside the pool. Nothing where none is configured."""

from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from django.db import Error
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.database import replica
from portal.health import own_connection
from portal.lib.errors import VigilError

log = structlog.get_logger(__name__)


class ReplicaCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        if not replica.is_configured():
            return
        as_of = None
        try:
            with own_connection(replica.ALIAS) as cursor:
                found = replica.standing(cursor.db)
            as_of = found.as_of if found.is_following else None
        except (Error, VigilError) as error:
            log.warning("replica_not_asked", error=str(error).strip())
        yield GaugeMetricFamily(
            "vigil_replica_up",
            "Whether the replica answers, follows, and can say how far it has come.",
            float(as_of is not None),
        )
        if as_of is not None:
            yield GaugeMetricFamily(
                "vigil_replica_lag_seconds",
                "How far the replica is behind. Grows while the primary is away, too.",
                (datetime.now(UTC) - as_of).total_seconds(),
            )
