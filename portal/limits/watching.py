"""The threads beside the work: one for the pod's load in web processes, one for each process's memory."""

import threading

import psutil
import structlog
from django.conf import settings

from portal.lib.resilience import clock
from portal.limits import load, reports
from portal.limits.growth import LIMITS, Growth, Limits
from portal.limits.middleware import board

log = structlog.get_logger(__name__)


def start() -> None:
    """In a web process."""
    threading.Thread(
        target=load.watch, args=(board, threading.Event()), name="load", daemon=True
    ).start()
    watch_memory()


def watch_memory(**_signal: object) -> threading.Thread:
    """In a web process, and in each of the worker's."""
    thread = threading.Thread(target=keep_looking, name="memory", daemon=True)
    thread.start()
    return thread


def keep_looking(limits: Limits = LIMITS, stop: threading.Event | None = None) -> None:
    stop, growth, was_leak = stop or threading.Event(), Growth(limits), False
    me = psutil.Process()
    while not stop.is_set():
        resident = me.memory_info().rss
        growth.note(clock.monotonic(), resident)
        reports.write(
            reports.Report(
                process=settings.PROCESS,
                pid=me.pid,
                begun=me.create_time(),
                resident=resident,
                per_hour=growth.per_hour,
                is_leak=growth.is_leak,
            )
        )
        if growth.is_leak and not was_leak:
            log.warning("memory_grows", process=settings.PROCESS, per_hour=round(growth.per_hour))
        was_leak = growth.is_leak
        stop.wait(limits.every)
