"""Runs the SLA clocks by adding legs; all but pause and resume within other governed calls."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions, sla
from incidents.clock_rules import BY_KIND, CLOCK_RULES, POLICY_VERSION, ClockRule
from incidents.models import ClockLeg, Incident
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict

Phase = ClockLeg.Phase
Clocks = dict[str, list[ClockLeg]]


def current_clocks(incident: Incident) -> Clocks:
    """The newest cycle of each kind, with its legs oldest first."""
    of_kind = ClockLeg.objects.filter(incident=OuterRef("incident"), kind=OuterRef("kind"))
    newest = Subquery(of_kind.order_by("-cycle").values("cycle")[:1])
    clocks: Clocks = defaultdict(list)
    for leg in incident.clock_legs.filter(cycle=newest).order_by("kind", "position"):
        clocks[leg.kind].append(leg)
    return dict(clocks)


def is_live(legs: list[ClockLeg]) -> bool:
    return legs[-1].phase in {Phase.RUNNING, Phase.PAUSED}


def on_state(incident: Incident, *, dismissed: bool = False) -> None:
    """Starts, meets and cancels what the incident's new state asks for, then stores its deadline."""
    clocks = current_clocks(incident)
    for rule in CLOCK_RULES:
        legs = clocks.get(rule.kind)
        if legs and is_live(legs):
            if dismissed:
                _end(legs, Phase.CANCELLED, "false positive")
            elif incident.state in rule.met_at:
                _end(legs, Phase.MET)
        elif _is_due(rule, incident, legs):
            _begin(rule, incident, cycle=legs[-1].cycle + 1 if legs else 1)
    store_next_target(incident)


def _is_due(rule: ClockRule, incident: Incident, legs: list[ClockLeg] | None) -> bool:
    if incident.state == rule.starts_at:
        # A second pass through the procedure owes no second acceptance of the same postmortem.
        return legs is None or rule.kind is not ClockKind.POSTMORTEM
    # A reopened incident owes updates again; in a first pass this clock runs by then.
    return rule.is_recurring and incident.state == State.INVESTIGATING


def on_severity(incident: Incident) -> None:
    """Ends the running legs and opens others under the new severity's targets.

    A clock is measured from where it began: what has already passed counts.
    """
    clocks = current_clocks(incident)
    for kind, legs in clocks.items():
        if not is_live(legs):
            continue
        rule = BY_KIND[ClockKind(kind)]
        target = rule.target(incident.severity)
        if target is None:
            _end(legs, Phase.CANCELLED, f"not promised for {incident.severity}")
        elif legs[-1].phase == Phase.RUNNING:
            _add(
                legs[-1],
                Phase.RUNNING,
                incident.severity,
                target=target,
                target_at=legs[0].began_at + target,
            )
    _begin_missing(incident, clocks)
    store_next_target(incident)


def _begin_missing(incident: Incident, clocks: Clocks) -> None:
    """A severity raised midway brings the clocks that it promises from here on."""
    order = list(State)
    for rule in CLOCK_RULES:
        legs = clocks.get(rule.kind)
        if legs and legs[-1].phase != Phase.CANCELLED:
            continue
        passed = order.index(State(incident.state)) >= order.index(rule.starts_at)
        if passed and incident.state not in rule.met_at and not _is_past(rule, incident):
            _begin(rule, incident, cycle=legs[-1].cycle + 1 if legs else 1)


def _is_past(rule: ClockRule, incident: Incident) -> bool:
    order = list(State)
    return any(order.index(State(incident.state)) > order.index(state) for state in rule.met_at)


def restart_status_update(incident: Incident) -> None:
    legs = current_clocks(incident).get(ClockKind.STATUS_UPDATE)
    if legs and is_live(legs):
        _end(legs, Phase.MET)
        _begin(BY_KIND[ClockKind.STATUS_UPDATE], incident, cycle=legs[-1].cycle + 1)
        store_next_target(incident)


def meet(incident: Incident, kind: ClockKind) -> None:
    legs = current_clocks(incident).get(kind)
    if legs and is_live(legs):
        _end(legs, Phase.MET)
        store_next_target(incident)


@governed(actions.PAUSE, on="incident")
def clock_pause(*, incident: Incident, by: Principal, kind: ClockKind, reason: str) -> ClockLeg:
    reason = said(reason, "reason")
    locked = incident_lock(incident)
    legs = _live_legs(locked, kind, Phase.RUNNING)
    current().note(clock=kind.value, reason=reason)
    leg = _add(legs[-1], Phase.PAUSED, locked.severity, reason=reason)
    store_next_target(locked)
    entry_add(locked, Kind.CLOCK, f"{kind.label} clock paused: {reason}")
    return leg


@governed(actions.RESUME, on="incident")
def clock_resume(*, incident: Incident, by: Principal, kind: ClockKind) -> ClockLeg:
    """Runs on with what was left of the target when it was paused."""
    locked = incident_lock(incident)
    legs = _live_legs(locked, kind, Phase.PAUSED)
    left = sla.remaining([leg.to_leg() for leg in legs], current().at)
    current().note(clock=kind.value)
    leg = _add(legs[-1], Phase.RUNNING, locked.severity, target=left, target_at=current().at + left)
    store_next_target(locked)
    entry_add(locked, Kind.CLOCK, f"{kind.label} clock resumed")
    return leg


def _live_legs(incident: Incident, kind: ClockKind, phase: Phase) -> list[ClockLeg]:
    legs = current_clocks(incident).get(kind)
    if not legs or legs[-1].phase != phase:
        message = (
            f"The {kind.label.lower()} clock of {incident.number} is not {phase.label.lower()}."
        )
        raise Conflict(message)
    return legs


def _begin(rule: ClockRule, incident: Incident, *, cycle: int) -> None:
    target = rule.target(incident.severity)
    if target is None:
        return
    began_at = incident.detected_at if rule.starts_at == State.DETECTED else current().at
    ClockLeg.objects.create(
        incident=incident,
        kind=rule.kind,
        cycle=cycle,
        position=1,
        phase=Phase.RUNNING,
        severity=incident.severity,
        began_at=began_at,
        target=target,
        target_at=began_at + target,
        policy_version=POLICY_VERSION,
    )


def _end(legs: list[ClockLeg], phase: Phase, reason: str = "") -> None:
    _add(legs[-1], phase, legs[-1].severity, reason=reason)


def _add(
    last: ClockLeg,
    phase: Phase,
    severity: str,
    *,
    target: timedelta | None = None,
    target_at: datetime | None = None,
    reason: str = "",
) -> ClockLeg:
    return ClockLeg.objects.create(
        incident_id=last.incident_id,
        kind=last.kind,
        cycle=last.cycle,
        position=last.position + 1,
        phase=phase,
        severity=severity,
        began_at=current().at,
        target=target,
        target_at=target_at,
        policy_version=POLICY_VERSION,
        reason=reason,
    )


def store_next_target(incident: Incident) -> None:
    incident.next_target_at = min(_running_targets(current_clocks(incident).values()), default=None)
    incident.save(update_fields=["next_target_at"])


def _running_targets(clocks: Iterable[list[ClockLeg]]) -> Iterable[datetime]:
    return (legs[-1].target_at for legs in clocks if legs[-1].target_at is not None)
