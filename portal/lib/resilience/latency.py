"""How long dependencies took in the last hour, and which share of calls they answered.

Counts by exponential buckets, in slices of ten minutes, in the cache: any number of processes add
to them, and reading costs one question. A percentile is the upper bound of its bucket, at most a
third above the truth.
"""

from bisect import bisect_left
from dataclasses import dataclass

from prometheus_client import Histogram

from portal.lib.resilience import clock
from portal.lib.resilience.policies import Policy
from portal.lib.resilience.shared import shared

SLICE, SLICES = 600, 6
BOUNDS = tuple(round(0.001 * 1.33**n, 4) for n in range(40))
OUTCOMES = ("answered", "failed")
SECONDS = Histogram(
    "vigil_outbound_seconds",
    "Time that calls out of the process took, by dependency and outcome: answered, failed, refused"
    " (by an open breaker or a full bulkhead).",
    ["dependency", "outcome"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0),
)


@dataclass(frozen=True, slots=True)
class Service:
    """Of the last hour. Percentiles in seconds, over all calls that were made; None for no call.
    `failed_in_a_row` are those since the last that was answered."""

    calls: int
    answered: int
    p95: float | None
    p99: float | None
    failed_in_a_row: int = 0

    @property
    def share(self) -> float | None:
        return self.answered / self.calls if self.calls else None


def record(policy: Policy, outcome: str, seconds: float) -> None:
    SECONDS.labels(policy.name, outcome).observe(seconds)
    if policy.is_measured and outcome in OUTCOMES:
        bucket = min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1)
        key = _key(policy.name, int(clock.now()) // SLICE, outcome, bucket)
        shared.increase(key, keep=SLICE * (SLICES + 1))
        if outcome == "answered":
            shared.delete(_in_a_row(policy.name))
        else:
            shared.increase(_in_a_row(policy.name))


def services(dependencies: list[str]) -> dict[str, Service]:
    """All of them with one question to the cache."""
    newest = int(clock.now()) // SLICE
    keys = {
        _key(name, slice_, outcome, bucket): (name, outcome, bucket)
        for name in dependencies
        for slice_ in range(newest - SLICES + 1, newest + 1)
        for outcome in OUTCOMES
        for bucket in range(len(BOUNDS))
    }
    in_a_row = {_in_a_row(name): name for name in dependencies}
    counts = {name: [0] * len(BOUNDS) for name in dependencies}
    answered = dict.fromkeys(dependencies, 0)
    failed = dict.fromkeys(dependencies, 0)
    for key, count in shared.get_many([*keys, *in_a_row]).items():
        if key in in_a_row:
            failed[in_a_row[key]] = int(count)
            continue
        name, outcome, bucket = keys[key]
        counts[name][bucket] += int(count)
        answered[name] += int(count) if outcome == "answered" else 0
    return {
        name: Service(
            sum(counts[name]),
            answered[name],
            percentile(counts[name], 0.95),
            percentile(counts[name], 0.99),
            failed[name],
        )
        for name in dependencies
    }


def percentile(counts: list[int], share: float) -> float | None:
    """The upper bound of the bucket below which that share of all lies."""
    wanted, seen = share * sum(counts), 0
    for bound, count in zip(BOUNDS, counts, strict=True):
        seen += count
        if count and seen >= wanted:
            return bound
    return None


def _in_a_row(dependency: str) -> str:
    return f"{dependency}:took:in-a-row"


def _key(dependency: str, slice_: int, outcome: str, bucket: int) -> str:
    return f"{dependency}:took:{slice_}:{outcome}:{bucket}"
