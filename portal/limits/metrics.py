"""Limits, and how much of them is in use, in `/metrics`. Needs neither database nor cache."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.limits import reports, table
from portal.limits.load import load
from portal.limits.middleware import board


class LimitsCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        with board.locked():
            in_flight, waiting = board.totals()
        for name, says, counts in (
            ("in_flight", "Requests under way in this pod.", in_flight),
            ("waiting", "Requests that wait for a place in this pod.", waiting),
        ):
            gauge = GaugeMetricFamily(f"vigil_requests_{name}", says, labels=["priority"])
            for priority, number in counts.items():
                gauge.add_metric([priority.label], number)
            yield gauge
        limit = GaugeMetricFamily("vigil_limit", "Limits of a pod, as set.", labels=["limit"])
        for name, value in (
            ("in_flight", table.IN_FLIGHT),
            ("waiting", table.WAITING),
            ("body_bytes", table.BODY),
            ("memory_bytes", table.MEMORY * table.MEMORY_SHED),
            ("cpu_ratio", table.CPU_SHED),
            *((f"{rate.name}_per_minute", rate.per_minute) for rate in table.RATES.values()),
        ):
            limit.add_metric([name], value)
        yield limit
        yield GaugeMetricFamily(
            "vigil_cpu_ratio", "Share of the pod's processor in use, over 2 s.", load.cpu
        )
        grows = GaugeMetricFamily(
            "vigil_memory_growth_bytes_per_hour",
            "How fast a process's memory grows, where it grows all along.",
            labels=["process", "pid"],
        )
        for report in reports.read():
            grows.add_metric([report.process, str(report.pid)], report.per_hour)
        yield grows
