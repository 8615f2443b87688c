"""Renders `docs/failure-policies.md` from the tables: `python -m portal.policies_document`."""

import os
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("SECRET_KEY", "nothing is signed here")

from portal.lib.resilience import deadline
from portal.lib.resilience.policies import POLICIES, Policy
from portal.limits import table
from portal.limits.giving_way import AT_MOST
from portal.on_call import URGENCY
from portal.system.capabilities import CAPABILITIES
from portal.system.runbook import RUNBOOK

INTRODUCTION = """\
# Failure policies

What Vigil calls out of its processes, and what holds when that fails. This page is written from the
tables in `portal/lib/resilience/policies.py` and `portal/system`, which the code itself reads.
*System health* in the sidebar shows all of it as it is now; [the failure matrix](failure-matrix.md) says what
is left while each dependency fails in each way, as it was tried.
"""
ATTEMPTS = """\
*Attempts* are the timeouts of each in turn, with the pauses between them. Within a request there is one
attempt of at most 5 s, whatever the table says. *At once* is how many calls a process may have under way.
What fails *closed* holds up the work that needs it; what fails *open* lets it go on. Where traces are
exported, *traced* says whether a call is a span in them, and whether who is called is told the trace
(`traceparent`).
"""
CARRIED = """\
Whatever begins within one of them has no more than is left of it: calls, queries (as `statement_timeout`),
and tasks, whose messages carry it. What runs out of time is 504 `API_TIMEOUT`."""

LIMITS = f"""\
Within a priority the caller with the least under way is next. Of those that wait below `high`, at most
{table.WAITING_EACH} are one caller's. `/health/`, `/metrics` and static files are never limited. A refusal is 429
`RATE_LIMIT_EXCEEDED`, 503 for Alertmanager; it asks neither session nor database. Whatever is let in
meets the gate and the record as always. A read that was let in steps aside between its queries while
anything from `high` on is under way, for {AT_MOST * 1000:.0f} ms at most.
"""
RATES = """\
Rates are counted in the cache, over any sixty seconds. This fails open: without the cache nothing is
counted, and `vigil_rate_limiter_open_total` says so. An address is the one that connects, which behind a
proxy is the proxy's: see VIGIL_REQUESTS_PER_MINUTE."""

PAGED = """\
By the watchdog itself, through PagerDuty and with nothing of Vigil in between; the rules for Prometheus come
on top. It looks every 5 s, also at a database that is away: to look is what it is for. What beats and
does not work is found by what waits: alerts for the worker, events for a signed checkpoint.
"""


def render() -> str:
    return "\n".join(
        [
            INTRODUCTION,
            *_calls(),
            *_deadlines(),
            *_limits(),
            *_capabilities(),
            *_paged(),
            *_runbook(),
        ]
    )


def _calls() -> list[str]:
    return [
        "## What is called\n",
        "| dependency | attempts | breaker | at once | fails | traced |",
        "|---|---|---|---|---|---|",
        *(_row(policy) for policy in POLICIES.values()),
        "",
        ATTEMPTS,
        *(_told(policy) for policy in POLICIES.values()),
    ]


def _row(policy: Policy) -> str:
    attempts = _seconds(policy.timeouts[0])
    pairs = zip(policy.delays[1:], policy.timeouts[1:], strict=True)
    attempts += "".join(f", after {_seconds(delay)}: {_seconds(limit)}" for delay, limit in pairs)
    breaker = "none"
    if policy.breaker:
        whose = "shared" if policy.breaker.is_shared else "each process's own"
        breaker = (
            f"{policy.breaker.failures} in a row, {_seconds(policy.breaker.cool_down)}, {whose}"
        )
    places = str(policy.bulkhead) if policy.bulkhead else "–"
    return (
        f"| `{policy.name}` | {attempts} | {breaker} | {places} | {policy.direction.value} |"
        f" {policy.tracing.value} |"
    )


def _inside(sentence: str) -> str:
    """As it goes on within another one; a name keeps its capital."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"


def _told(policy: Policy) -> str:
    fallback = "" if policy.fallback == "none" else f" In its place: {policy.fallback}."
    return (
        f"- **{policy.title}** (`{policy.name}`). Without it: {_inside(policy.loses)}{fallback}"
        f" It comes back {_inside(policy.recovers)} Objective: {policy.objective:.1%} of calls answered."
    )


def _deadlines() -> list[str]:
    levels = (
        ("a page", deadline.REQUEST),
        ("a call of the API", deadline.API_CALL),
        ("a query", deadline.QUERY),
        ("a call out of a request", deadline.EXTERNAL),
        ("a task", deadline.TASK),
    )
    return [
        "\n## Deadlines\n",
        "| what | seconds |",
        "|---|---|",
        *(f"| {name} | {seconds:g} |" for name, seconds in levels),
        "",
        CARRIED,
    ]


def _limits() -> list[str]:
    lanes = sorted(table.LANES.items(), reverse=True)
    return [
        "\n## Limits\n",
        (
            f"A pod, the web processes that one gunicorn has forked, serves {table.IN_FLIGHT} requests at once;"
            f" {table.WAITING} wait. A body has at most {table.BODY // table.MIB} MiB. Above"
            f" {table.MEMORY_SHED:.0%} of {table.MEMORY // table.MIB} MiB, or {table.CPU_SHED:.0%} of"
            f" {table.CORES} cores, everything below `high` is refused. A machine that is above"
            f" {table.CPU_SHED:.0%} altogether counts too, where the pod has {table.CPU_PART:.0%} of its cores.\n"
        ),
        "| priority | what | places, with all below | waits |",
        "|---|---|---|---|",
        *(
            f"| `{priority.label}` | {lane.what} | {lane.places} | {_seconds(lane.wait)} |"
            for priority, lane in lanes
        ),
        "",
        LIMITS,
        "| a minute | what | for each |",
        "|---|---|---|",
        *(f"| {rate.per_minute} | {rate.what} | {rate.whose} |" for rate in table.RATES.values()),
        "",
        RATES,
    ]


def _capabilities() -> list[str]:
    rows = []
    for each in CAPABILITIES:
        needs = ", ".join(RUNBOOK[name].title for name in each.needs)
        without = " ".join(f"*{RUNBOOK[n].title}*: {text}" for n, text in each.without.items())
        if each.read_only:
            without = f"*the database, with a replica*: {each.read_only} {without}".strip()
        rows.append(f"| {each.title} | {needs} | {without or '–'} |")
    return [
        "\n## What is left of what\n",
        "| capability | is off without | is degraded without |",
        "|---|---|---|",
        *rows,
    ]


def _paged() -> list[str]:
    rows = (
        f"| {RUNBOOK[name].title} | {each.severity} | {_seconds(each.after.total_seconds())} |"
        f" {'each machine' if each.is_here else 'all machines together'} |"
        for name, each in URGENCY.items()
    )
    return [
        "\n## What on-call is paged for\n",
        PAGED,
        "| what fails | severity | after | one incident for |",
        "|---|---|---|---|",
        *rows,
    ]


def _runbook() -> list[str]:
    return [
        "\n## Runbook\n",
        *(
            f"- **{entry.title[:1].upper()}{entry.title[1:]}**: {entry.text}"
            for entry in RUNBOOK.values()
        ),
        "",
    ]


if __name__ == "__main__":
    (Path(__file__).parent.parent / "docs" / "failure-policies.md").write_text(render())
