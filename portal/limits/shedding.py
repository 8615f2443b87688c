"""What was refused, and why: counted for `/metrics`, and for the last minute in the memory that all
web processes of the pod share, for the system-health page."""

import mmap
import struct

import structlog
from prometheus_client import Counter

from portal.lib.resilience import clock
from portal.limits.table import Priority

# Why a request is refused; each is a label of the metric.
REASONS = {
    "rate": "one caller asks too often",
    "memory": "memory is short",
    "cpu": "processor is short",
    "queue": "the queue is full",
    "share": "one caller's part of the queue is full",
    "wait": "no place came free in time",
}
SHED = Counter(
    "vigil_shed", "Requests refused because of a limit, by what was short.", ["reason", "priority"]
)
KEPT = 60
_KEYS = [(reason, priority) for reason in REASONS for priority in Priority]
# For each second of the last minute: which second it is, then a count for each key. Two processes
# that count in the same instant may lose one; the metric loses none.
_SECOND = struct.Struct(f"<{1 + len(_KEYS)}q")
_memory = mmap.mmap(-1, KEPT * _SECOND.size)

log = structlog.get_logger(__name__)

for _reason, _priority in _KEYS:
    SHED.labels(_reason, _priority.label)


def note(reason: str, priority: Priority) -> None:
    SHED.labels(reason, priority.label).inc()
    second = int(clock.now())
    at = second % KEPT * _SECOND.size
    which, *counts = _SECOND.unpack_from(_memory, at)
    if which != second:
        counts = [0] * len(_KEYS)
        # Once a second: a flood must not become one of the log.
        log.warning("shedding", reason=reason, priority=priority.label)
    counts[_KEYS.index((reason, priority))] += 1
    _SECOND.pack_into(_memory, at, second, *counts)


def recent() -> dict[tuple[str, Priority], int]:
    """What was refused in the last minute, in all processes of this pod."""
    now, found = int(clock.now()), dict.fromkeys(_KEYS, 0)
    for number in range(KEPT):
        which, *counts = _SECOND.unpack_from(_memory, number * _SECOND.size)
        if now - KEPT < which <= now:
            for key, count in zip(_KEYS, counts, strict=True):
                found[key] += count
    return {key: count for key, count in found.items() if count}


def forget() -> None:
    _memory[:] = bytes(len(_memory))
