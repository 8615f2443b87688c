"""How long dependencies took in the last hour, and which share of calls they answered.

Counts by exponential buckets, in slices of ten minutes, in the cache: any number of processes add
to them, and reading costs one question. What must work without the cache is counted in this process
alone. A percentile is the upper bound of its bucket, at most a third above the truth.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import Histogram

from portal.lib.resilience import clock
from portal.lib.resilience.policies import Policy, policy_of
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


# By slice. Without a lock, which a fork could copy as it is held: two threads may lose a count.
_own: dict[int, dict[str, int]] = {}


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
    if outcome not in OUTCOMES:
        return
    bucket, slice_ = min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1), int(clock.now()) // SLICE
    key = _key(policy.name, slice_, outcome, bucket)
    if policy.is_measured:
        shared.increase(key, keep=SLICE * (SLICES + 1))
        if outcome == "answered":
            shared.delete(_in_a_row(policy.name))
        else:
            shared.increase(_in_a_row(policy.name))
        return
    if slice_ not in _own:
        for old in [each for each in list(_own) if each <= slice_ - SLICES]:
            _own.pop(old, None)
    counts = _own.setdefault(slice_, {})
    counts[key] = counts.get(key, 0) + 1


def services(dependencies: Iterable[str]) -> dict[str, Service]:
    """All of them with one question to the cache."""
    dependencies = list(dependencies)
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
    measured = {name for name in dependencies if policy_of(name).is_measured}
    ours = [key for key, (name, _, _) in keys.items() if name in measured]
    ours += [key for key, name in in_a_row.items() if name in measured]
    found = shared.get_many(ours) if ours else {}
    for counted in list(_own.values()):
        found |= {key: count for key, count in counted.copy().items() if key in keys}
    for key, count in found.items():
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


def _of_cache(outcome: str, seconds: float) -> None:
    record(policy_of("cache"), outcome, seconds)


shared.told = _of_cache
