"""The incident procedure as one table (the standard, section XVI, steps 1–10).

The services, the database's trigger, the stepper in the war room and `docs/procedure.md` all read
`STEPS` and `TRANSITIONS`; a test holds the trigger's table and the document against them.
"""

from dataclasses import dataclass

from django.db import models

from incidents.severity import Severity


class State(models.TextChoices):
    DETECTED = "detected"
    CLASSIFIED = "classified"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    CONTAINED = "contained"
    INVESTIGATING = "investigating"
    FIXING = "fixing"
    VERIFYING = "verifying"
    DOCUMENTING = "documenting"
    POSTMORTEM = "postmortem"
    CLOSED = "closed"
    FALSE_POSITIVE = "false_positive"


ENDED = (State.CLOSED, State.FALSE_POSITIVE)
OPEN = tuple(state for state in State if state not in ENDED)


@dataclass(frozen=True, slots=True)
class Step:
    """One of the ten. `state` is where an incident stands once the step has begun, or, where it
    `is_done_on_entry`, once it is done."""

    number: int
    name: str
    state: State
    todo: tuple[str, ...]
    is_done_on_entry: bool = False


STEPS = (
    Step(
        1,
        "Detection",
        State.DETECTED,
        ("Automated: alerts, health check failures", "Manual: user reports, dashboards"),
        is_done_on_entry=True,
    ),
    Step(
        2,
        "Classification",
        State.CLASSIFIED,
        ("Determine severity (P0–P3)", "Identify affected systems", "Estimate user impact"),
        is_done_on_entry=True,
    ),
    Step(
        3,
        "Notification",
        State.NOTIFIED,
        ("P0/P1: page on-call", "P2: Slack alert", "P3: ticket"),
        is_done_on_entry=True,
    ),
    Step(
        4,
        "Acknowledgment",
        State.ACKNOWLEDGED,
        ("On-call acknowledges within 5 minutes", "Status page: “Investigating”"),
        is_done_on_entry=True,
    ),
    Step(
        5,
        "Containment",
        State.CONTAINED,
        (
            "Stop the bleeding (roll back, isolate, disable the feature)",
            "Prevent data loss",
            "Preserve forensic evidence",
        ),
        is_done_on_entry=True,
    ),
    Step(
        6,
        "Investigation",
        State.INVESTIGATING,
        ("Review logs", "Check metrics", "Analyse traces", "Reproduce the issue in staging"),
    ),
    Step(
        7,
        "Fix",
        State.FIXING,
        (
            "Apply the fix (code, configuration or infrastructure)",
            "Test in staging",
            "Deploy to production",
            "Monitor for regression",
        ),
    ),
    Step(
        8,
        "Verification",
        State.VERIFYING,
        (
            "Verify that the fix resolves the issue",
            "Check error rates, latency, health",
            "Ask users where that applies",
        ),
    ),
    Step(
        9,
        "Documentation",
        State.DOCUMENTING,
        (
            "Update the incident",
            "Complete the timeline",
            "Document the root cause",
            "List action items",
        ),
    ),
    Step(
        10,
        "Postmortem",
        State.POSTMORTEM,
        (
            "Within 48 hours (P0/P1)",
            "Blameless",
            "5 whys",
            "Action items assigned",
        ),
    ),
)


def current_step(state: str) -> Step | None:
    """The step being worked on; none once the incident has ended."""
    for step in STEPS:
        if step.state == state:
            return STEPS[step.number] if step.is_done_on_entry else step
    return None


ALL = tuple(Severity)
P0_P1 = (Severity.P0, Severity.P1)
P2_P3 = (Severity.P2, Severity.P3)


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow. `asks` is the question whose answer is the reason; `is_reason_required` says
    whether the procedure insists on it. A name may stand in several rows with different sources."""

    name: str
    source: State
    target: State
    label: str
    asks: str
    is_reason_required: bool = False
    severities: tuple[Severity, ...] = ALL


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        "classify",
        State.DETECTED,
        State.CLASSIFIED,
        "Classify",
        "Which systems and how many users are affected?",
        is_reason_required=True,
    ),
    Transition(
        "notify",
        State.CLASSIFIED,
        State.NOTIFIED,
        "Notify",
        "Who was notified, and how?",
        is_reason_required=True,
    ),
    Transition(
        "acknowledge",
        State.NOTIFIED,
        State.ACKNOWLEDGED,
        "Acknowledge",
        "Anything the others should know?",
    ),
    Transition(
        "contain",
        State.ACKNOWLEDGED,
        State.CONTAINED,
        "Contained",
        "What was done to stop the damage?",
        is_reason_required=True,
    ),
    Transition(
        "investigate",
        State.CONTAINED,
        State.INVESTIGATING,
        "Investigate",
        "Where do you start?",
    ),
    Transition(
        "fix",
        State.INVESTIGATING,
        State.FIXING,
        "Start the fix",
        "What is the cause, and what is the fix?",
        is_reason_required=True,
    ),
    Transition(
        "verify",
        State.FIXING,
        State.VERIFYING,
        "Verify",
        "What was deployed?",
    ),
    Transition(
        "document",
        State.VERIFYING,
        State.DOCUMENTING,
        "Verified",
        "How was it verified?",
        is_reason_required=True,
    ),
    # Loops back, where real life needs them.
    Transition(
        "investigate",
        State.FIXING,
        State.INVESTIGATING,
        "Back to investigation",
        "Why is this not the fix?",
        is_reason_required=True,
    ),
    Transition(
        "investigate",
        State.VERIFYING,
        State.INVESTIGATING,
        "Not fixed: investigate",
        "What did the verification show?",
        is_reason_required=True,
    ),
    Transition(
        "contain",
        State.INVESTIGATING,
        State.CONTAINED,
        "Contain again",
        "What broke out, and what was done about it?",
        is_reason_required=True,
    ),
    Transition(
        "postmortem",
        State.DOCUMENTING,
        State.POSTMORTEM,
        "Start the postmortem",
        "Who takes part, and when?",
    ),
    Transition(
        "close",
        State.DOCUMENTING,
        State.CLOSED,
        "Close",
        "What was the root cause?",
        is_reason_required=True,
        severities=P2_P3,
    ),
    Transition(
        "close",
        State.POSTMORTEM,
        State.CLOSED,
        "Close",
        "What remains to be done, and who does it?",
        is_reason_required=True,
    ),
    *(
        Transition(
            "dismiss",
            state,
            State.FALSE_POSITIVE,
            "False positive",
            "How do you know that nothing was wrong?",
            is_reason_required=True,
        )
        for state in OPEN
        if state not in {State.DOCUMENTING, State.POSTMORTEM}
    ),
    *(
        Transition(
            "reopen",
            state,
            State.INVESTIGATING,
            "Reopen",
            "What came back?",
            is_reason_required=True,
        )
        for state in ENDED
    ),
)

NAMES = tuple(dict.fromkeys(transition.name for transition in TRANSITIONS))


def transitions_from(state: str, severity: str) -> list[Transition]:
    return [
        transition
        for transition in TRANSITIONS
        if transition.source == state and severity in transition.severities
    ]


def find(name: str, state: str, severity: str) -> Transition | None:
    """The arrow with this name from here, if the procedure has one."""
    for transition in transitions_from(state, severity):
        if transition.name == name:
            return transition
    return None
