"""What the stepper and the clocks show, without a page."""

from datetime import UTC, datetime, timedelta

import pytest

from incidents.models import ClockLeg, Incident
from incidents.models.clock import ClockKind
from incidents.pages.clocks import clock_views
from incidents.pages.stepper import moves, stepper
from incidents.procedure import ENDED, OPEN, STEPS, TRANSITIONS, State, current_step

NOON = datetime(2026, 2, 12, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "number"),
    [
        (State.DETECTED, 2),
        (State.ACKNOWLEDGED, 5),
        (State.CONTAINED, 6),
        (State.INVESTIGATING, 6),
        (State.VERIFYING, 8),
        (State.POSTMORTEM, 10),
    ],
)
def test_the_step_at_hand_is_the_one_that_the_state_leaves_to_do(state: str, number: int) -> None:
    step = current_step(state)
    assert step is not None
    assert step.number == number


@pytest.mark.parametrize("severity", ["P0", "P3"])
@pytest.mark.parametrize("state", State)
def test_every_state_has_its_stepper(state: str, severity: str) -> None:
    views = stepper(Incident(state=state, severity=severity))
    assert [view.step for view in views] == list(STEPS)
    assert sum(view.progress == "current" for view in views) == (state in OPEN)


@pytest.mark.parametrize("severity", ["P0", "P3"])
@pytest.mark.parametrize("state", State)
def test_every_arrow_is_offered_once(state: str, severity: str) -> None:
    offered = moves(Incident(state=state, severity=severity))
    main = [offered.main] if offered.main else []
    every = [*main, *offered.onward, *offered.others]
    expected = [t for t in TRANSITIONS if t.source == state and severity in t.severities]
    assert sorted(t.label for t in every) == sorted(t.label for t in expected)
    assert bool(main) is (state not in ENDED)
    assert not {t.name for t in (*main, *offered.onward)} & {"dismiss", "reopen"}


def test_what_leads_on_depends_on_the_severity() -> None:
    assert moves(Incident(state=State.DOCUMENTING, severity="P1")).main.name == "postmortem"  # type: ignore[union-attr] # there is one
    p3 = moves(Incident(state=State.DOCUMENTING, severity="P3"))
    assert p3.main is not None
    assert (p3.main.name, [t.name for t in p3.onward]) == ("close", ["postmortem"])


def leg(phase: str, minute: int, target: int | None = None, **fields: object) -> ClockLeg:
    target_at = NOON + timedelta(minutes=target) if target is not None else None
    return ClockLeg(
        kind=ClockKind.RESPOND,
        cycle=1,
        phase=phase,
        severity="P1",
        began_at=NOON + timedelta(minutes=minute),
        target=timedelta(minutes=target - minute) if target is not None else None,
        target_at=target_at,
        **fields,
    )


@pytest.mark.parametrize(
    ("legs", "minute", "word", "tone"),
    [
        ([leg("running", 0, 60)], 59, "Running", "running"),
        ([leg("running", 0, 60)], 61, "Breached", "breached"),
        ([leg("running", 0, 60), leg("met", 10)], 90, "Met", "met"),
        ([leg("running", 0, 60), leg("met", 70)], 90, "Met late", "breached"),
        ([leg("running", 0, 60), leg("paused", 10, reason="x")], 90, "Paused", "paused"),
        ([leg("running", 0, 60), leg("paused", 70)], 90, "Breached, paused", "breached"),
        ([leg("running", 0, 60), leg("cancelled", 10)], 90, "Cancelled", "idle"),
    ],
)
def test_a_clock_has_a_word_for_each_state(
    legs: list[ClockLeg], minute: int, word: str, tone: str
) -> None:
    incident = Incident(state=State.DETECTED, severity="P1")
    views = clock_views(incident, [legs], NOON + timedelta(minutes=minute))
    view = next(view for view in views if view.kind == ClockKind.RESPOND)
    assert (view.word, view.tone) == (word, tone)


def test_a_pause_shows_what_was_left_and_a_late_end_how_late() -> None:
    incident = Incident(state=State.DETECTED, severity="P1")
    paused = clock_views(incident, [[leg("running", 0, 60), leg("paused", 10)]], NOON)
    late = clock_views(incident, [[leg("running", 0, 60), leg("met", 75)]], NOON)
    by_kind = [next(v for v in views if v.kind == ClockKind.RESPOND) for views in (paused, late)]
    assert by_kind[0].left == timedelta(minutes=50)
    assert by_kind[1].margin == timedelta(minutes=15)


@pytest.mark.parametrize(("severity", "kinds"), [("P0", 4), ("P2", 2)])
def test_what_is_promised_shows_before_it_has_begun(severity: str, kinds: int) -> None:
    views = clock_views(Incident(state=State.DETECTED, severity=severity), [], NOON)
    assert [view.word for view in views] == ["Not started"] * kinds
    assert clock_views(Incident(state=State.CLOSED, severity=severity), [], NOON) == []
