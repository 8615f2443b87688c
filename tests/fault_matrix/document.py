"""Renders `docs/failure-matrix.md` from the table: `python -m tests.fault_matrix.document`."""

from pathlib import Path

from portal.system.capabilities import CAPABILITIES, Level
from portal.system.runbook import RUNBOOK
from tests.fault_matrix.table import (
    DEPENDENCIES,
    EXCEPTIONS,
    FAULTS,
    LEFT_OUT,
    NOT_APPLICABLE,
    PUBLIC,
    TITLES,
    UNSEEN,
    Cell,
    Dependency,
)
from tests.faulty_proxy import Mode

DOCUMENT = Path(__file__).parents[2] / "docs" / "failure-matrix.md"
INTRODUCTION = """\
# Failure matrix

What is left of each capability while something that Vigil depends on is down, slow, answers wrongly, or
comes and goes. This page is written from `tests/fault_matrix/table.py`, and each cell of it is tried on a
running installation, by `python -m benchmarks.failure_matrix`: the fault is made, everything is done from
outside, and the fault ends. The levels follow from the same table as those on *System health*, so that what
that page says is what was tried. [Failure policies](failure-policies.md) say what is to be done.

- **full**: works as ever.
- **degraded**: works late, or without a part, and *System health* says which.
- **off**: refused in clean words, 503 or 504 with `error_code`, `trace_id` and, for 503, `Retry-After`. What is done
  beside requests waits, and is done afterwards.

Never, in any cell: an answer of 500, a request that hangs beyond its time, or an alert that was
acknowledged and is lost. After each of them everything is full again by itself.

On-call is paged for what lasts half a minute. So paging is tried where the fault itself is one to page for,
and does not flap; elsewhere its level follows from the table alone.
"""
MODES = {
    Mode.DOWN: "Refuses connections; a process is killed as often as it is started again.",
    Mode.SLOW: "Each piece of what is said takes longer than the first timeout of its policy, either way; a"
    " process hangs. Of the web processes one hangs, and the others go on.",
    Mode.WRONG: "Takes what is asked, and answers with what makes no sense in its protocol.",
    Mode.FLAPPING: "Down for four seconds and there for four; a process is killed every four seconds. The level"
    " is the worst that may be met: at any moment it may be better.",
}
MARKS = {Level.FULL: "full", Level.DEGRADED: "*degraded*", Level.OFF: "**off**"}


def render() -> str:
    return "\n".join(
        [
            INTRODUCTION,
            *(f"- **{mode.value}**: {text}" for mode, text in MODES.items()),
            "",
            *(line for each in DEPENDENCIES for line in _section(each)),
            *_notes(),
            "",
        ]
    )


def _section(dependency: Dependency) -> list[str]:
    modes = [mode for mode in FAULTS if (dependency.name, mode) not in NOT_APPLICABLE]
    expected = {mode: Cell(dependency, mode).expected() for mode in modes}
    rows = [
        f"| {title} | "
        + " | ".join(MARKS[expected[m][title]] if m in modes else "–" for m in FAULTS)
        + " |"
        for title in TITLES
    ]
    return [
        f"## {dependency.title}\n",
        f"| capability | {' | '.join(mode.value for mode in FAULTS)} |",
        "|---" * (len(FAULTS) + 1) + "|",
        *rows,
        "",
        *_left(dependency, expected[Mode.DOWN]),
        *_told(dependency),
        "",
    ]


def _left(dependency: Dependency, expected: dict[str, Level]) -> list[str]:
    """What the page says is left of what is degraded."""
    texts = []
    for each in CAPABILITIES:
        if expected[each.title] is Level.DEGRADED:
            told = [each.without[name] for name in sorted(dependency.finds & each.without.keys())]
            texts += [f"- {each.title}: {text}" for text in told or [each.read_only]]
    return texts


def _told(dependency: Dependency) -> list[str]:
    texts = [f"- {dependency.note}"] if dependency.note else []
    if dependency.provokes:
        title = RUNBOOK[dependency.provokes].title
        texts.append(
            f"- Tried while there is no {title.partition(',')[0]} either, to have something to page for."
        )
    if unseen := UNSEEN.get(dependency.name):
        texts.append(f"- {' and '.join(sorted(unseen))}: not tried, since there is nobody to ask.")
    exceptions: dict[str, list[str]] = {}
    for (name, mode, title), exception in EXCEPTIONS.items():
        if name == dependency.name:
            exceptions.setdefault(exception.reason, []).append(f"{title} ({mode.value})")
    texts += [f"- {', '.join(where)}: {reason}" for reason, where in exceptions.items()]
    reasons = {r for (name, _), r in NOT_APPLICABLE.items() if name == dependency.name}
    return [*texts, *(f"- –: {reason}" for reason in sorted(reasons))]


def _notes() -> list[str]:
    return [
        "## Left out\n",
        *(f"- `{name}`: {reason}" for name, reason in LEFT_OUT.items()),
        f"\n*{PUBLIC}* are `/status/`, `/status.json`, `/health/live`, `/health/system` and `/metrics`.",
    ]


if __name__ == "__main__":
    DOCUMENT.write_text(render())
