"""Where an incident stands in the procedure, as the war room draws it."""

from dataclasses import dataclass
from typing import Literal

from incidents.models import Incident, Postmortem
from incidents.procedure import STEPS, State, Step, Transition, current_step, transitions_from
from incidents.severity import DEFINITIONS

Progress = Literal["done", "current", "ahead", "optional", "skipped"]

_ORDER = list(State)


@dataclass(frozen=True, slots=True)
class StepView:
    step: Step
    progress: Progress


@dataclass(frozen=True, slots=True)
class Moves:
    """The arrows from here: the one that leads on, others that do, and those back or out."""

    main: Transition | None
    onward: list[Transition]
    others: list[Transition]


def stepper(incident: Incident) -> list[StepView]:
    current = current_step(incident.state)
    return [StepView(step, _progress(incident, step, current)) for step in STEPS]


def _progress(incident: Incident, step: Step, current: Step | None) -> Progress:
    is_optional = step.state == State.POSTMORTEM and not incident.needs_postmortem
    if incident.state == State.FALSE_POSITIVE:
        return "skipped"
    if current is None:
        return "optional" if is_optional else "done"
    if step == current:
        return "current"
    if step.number < current.number:
        return "done"
    return "optional" if is_optional else "ahead"


def moves(incident: Incident) -> Moves:
    possible = transitions_from(incident.state, incident.severity)
    onward = [transition for transition in possible if _leads_on(transition)]
    # Where two lead on, the one that leads further is what this severity asks for.
    main = onward[-1] if onward else None
    return Moves(main, onward[:-1], [t for t in possible if t not in onward])


def _leads_on(transition: Transition) -> bool:
    if transition.target == State.FALSE_POSITIVE:
        return False
    return _ORDER.index(transition.target) > _ORDER.index(transition.source)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold before the incident may close."""

    text: str
    is_met: bool


def conditions_to_close(incident: Incident, postmortem: Postmortem | None) -> list[Condition]:
    if not DEFINITIONS[incident.severity].needs_postmortem:
        return []
    written = "Postmortem written and submitted for review"
    accepted = "Accepted by a second person"
    if postmortem is None:
        return [Condition(written, is_met=False), Condition(accepted, is_met=False)]
    is_accepted = postmortem.accepted_at is not None
    if not is_accepted:
        accepted = "Accepted by somebody who wrote no part of it"
    else:
        accepted = f"Accepted by {postmortem.accepted_by}"
    return [
        Condition(written, is_met=postmortem.submitted_at is not None or is_accepted),
        Condition(accepted, is_met=is_accepted),
    ]
