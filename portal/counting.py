"""Counts requests, in a file for each web process that all of them read (prometheus_client's
multiprocess mode), below `var`.

A process counts under a number that no running process has: the lowest whose lock it gets. The
next process goes on where an ended one stopped, so there are never more files than processes, and
no counter goes backwards. Counting fails open: where files cannot be had, each process counts
alone.
"""

import fcntl
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

# A new name where labels or buckets change: files of before would be read along.
DIRECTORY = settings.VAR.var / "metrics" / "1"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

log = structlog.get_logger(__name__)


class Slot:
    """This process's number among those that count; taken anew after a fork."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._pid = 0
        self._number = 0

    def __call__(self) -> int:
        if self._pid != os.getpid():
            self._number = next(n for n in itertools.count() if self._take(n))
            self._pid = os.getpid()
            self._discard_broken()
        return self._number

    def _take(self, number: int) -> bool:
        """The lock lasts as long as the process, whichever way that ends."""
        file = os.open(self.directory / f"{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        return True

    def _discard_broken(self) -> None:
        """A file that a loss of power left half-written would fail every request."""
        for path in self.directory.glob(f"*_{self._number}.db"):
            try:
                list(MmapedDict.read_all_values_from_file(path))  # type: ignore[no-untyped-call] # partly typed
            except Exception as error:  # noqa: BLE001 - fails open: counters start over
                log.warning("metrics_discarded", file=path.name, error=str(error))
                path.unlink()


def share_counters(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        counting = values.MultiProcessValue(Slot(directory))  # type: ignore[no-untyped-call] # partly typed
    except OSError as error:
        log.warning("metrics_not_shared", error=str(error))
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = counting


share_counters(DIRECTORY)
_in_process = CollectorRegistry()
REQUESTS = Counter(
    "vigil_http_requests",
    "Requests answered.",
    ["route", "method", "status"],
    registry=_in_process,
)
LATENCY = Histogram(
    "vigil_http_request_duration_seconds",
    "Time to answer a request.",
    ["route", "status"],
    buckets=BUCKETS,
    registry=_in_process,
)
FAILURES = Counter(
    "vigil_failures",
    "Requests that ended in a failure, by the error code of the envelope.",
    ["error_code"],
    registry=_in_process,
)


class CountingMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        # The name of the route, never the path: that may name an incident.
        route = request.resolver_match.view_name if request.resolver_match else "unmatched"
        method = request.method if request.method in METHODS else "other"
        status = f"{response.status_code // 100}xx"
        REQUESTS.labels(route, method, status).inc()
        LATENCY.labels(route, status).observe(time.perf_counter() - begun)
        if error_code := getattr(response, "error_code", ""):
            FAILURES.labels(error_code).inc()
        return response


def counted() -> bytes:
    """What all processes counted, in Prometheus' text format."""
    if not values.ValueClass._multiprocess:
        return generate_latest(_in_process)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(DIRECTORY))  # type: ignore[no-untyped-call] # partly typed
    return generate_latest(registry)
