"""Renders `docs/procedure.md` from the procedure: `python -m incidents.procedure_document`."""

from pathlib import Path

from incidents.procedure import ENDED, STEPS, TRANSITIONS, State
from incidents.severity import DEFINITIONS, Severity

HEAD = """\
# The incident procedure

Written by `python -m incidents.procedure_document` from `incidents/procedure.py`, which the
services, the database's trigger and the stepper in the war room read too.
"""


def render() -> str:
    parts = (HEAD, _severities(), _steps(), _transitions(), _diagram())
    return "\n".join(parts)


def _severities() -> str:
    rows = [
        f"| {severity.value} | {d.definition} | {_hours(d.response.total_seconds())} |"
        f" {d.notification} | {d.communication} | {'yes' if d.needs_postmortem else 'no'} |"
        for severity, d in ((s, DEFINITIONS[s]) for s in Severity)
    ]
    return "\n".join(
        [
            "## Severities\n",
            "| | definition | response within | notification | communication | postmortem |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _steps() -> str:
    rows = [
        f"| {step.number} | {step.name} | `{step.state.value}` |"
        f" {'done' if step.is_done_on_entry else 'begun'} | {'; '.join(step.todo)} |"
        for step in STEPS
    ]
    head = ["## Steps\n", "| | step | state | there, it is | to do |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _transitions() -> str:
    rows = [
        f"| `{t.name}` | `{t.source.value}` | `{t.target.value}` | {t.label} |"
        f" {t.asks}{'' if t.is_reason_required else ' (may be left empty)'} |"
        f" {_for(t.severities)} |"
        for t in TRANSITIONS
    ]
    return "\n".join(
        [
            "## Transitions\n",
            "A P0 or P1 incident closes only with an accepted postmortem.\n",
            "| name | from | to | button | asks | severities |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _for(severities: tuple[Severity, ...]) -> str:
    return "all" if len(severities) == len(Severity) else ", ".join(s.value for s in severities)


def _diagram() -> str:
    arrows = dict.fromkeys(
        f"    {t.source.value} --> {t.target.value}: {t.name}"
        for t in TRANSITIONS
        if t.name not in {"dismiss", "reopen"}
    )
    ends = [f"    {state.value} --> [*]" for state in ENDED]
    return "\n".join(
        [
            "## Picture\n",
            "Dismissing as false positive and reopening are left out.\n",
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {State.DETECTED.value}",
            *arrows,
            *ends,
            "```",
            "",
        ]
    )


if __name__ == "__main__":
    (Path(__file__).parent.parent / "docs" / "procedure.md").write_text(render())
