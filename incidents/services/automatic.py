"""Tells the team of what a detector opened, where the rule of its severity waits for nobody.

The severity mapping has classified such an incident; the two steps are taken as if by hand, on record.
"""

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Incident
from incidents.procedure import State, current_step, find
from incidents.selectors.addressees import rule_of
from incidents.services import checklists, clocks, telling
from incidents.services.entries import Kind, entry_add
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict

_SAID = {
    "classify": "by the severity mapping",
    "notify": "at once, as the rule for its severity says",
}


@governed(actions.NOTIFY_DETECTED, on="incident")
def incident_notify_detected(*, incident: Incident, by: Principal) -> Incident:
    """Raises `Conflict` where somebody was quicker, or the rule does not ask for it any more."""
    locked = incident_lock(incident)
    if locked.state != State.DETECTED or not rule_of(locked.severity).is_automatic:
        message = f"{locked.number} is not to be notified by itself."
        raise Conflict(message)
    current().note(incident=locked.number, severity=locked.severity)
    for name, said in _SAID.items():
        transition = find(name, locked.state, locked.severity)
        if transition is None:
            message = f"The procedure has no step “{name}” from here."
            raise Conflict(message)
        locked.state = transition.target
        locked.version += 1
        locked.save()
        clocks.on_state(locked)
        checklists.begin(locked, current_step(locked.state))
        entry_add(locked, Kind.TRANSITION, f"{locked.get_state_display()}: {said}")
        telling.on_move(locked, transition, "")
    return locked
