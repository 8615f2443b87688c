"""What a button is, how it is pressed, and what an incident needs before some of them can be."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from audit.models import User
from incidents.models import (
    ActionItem,
    Attachment,
    ChecklistItem,
    ClockLeg,
    ContainmentAction,
    Incident,
    IncidentRole,
    PinnedEntry,
    Postmortem,
    RoleHandover,
    StatusUpdate,
    TimelineEntry,
    Why,
)
from incidents.models.clock import ClockKind
from incidents.services.action_items import action_item_complete
from incidents.services.checklists import checklist_item_skip
from incidents.services.clocks import clock_pause
from incidents.services.containment import containment_record
from incidents.services.handovers import role_offer
from incidents.services.incidents import incident_assign
from incidents.services.whys import why_add
from tests.incidents.making import accepted, in_state, item, written
from tests.people import Cast

SCRIPT = {"HX-Request": "true"}
# Stand for ids that are known once the cast is there.
RESPONDER, NOTE = "the responder", "the-note"
WHY, AN_ITEM = "the-why", "the-item"
A_CHECK, AN_OFFER, CONTAINED = "the-check", "the-offer", "the-containment"
ITEM = {"text": "Do it", "owner": RESPONDER, "due_on": "2040-01-01", "kind": "prevent"}


@dataclass(frozen=True)
class Act:
    """One button: who may press it and who not, in which state, with what, and what comes of it."""

    name: str
    state: str
    data: dict[str, object]
    may: str = "commander"
    may_not: str = "responder"
    args: tuple[object, ...] = ()
    is_done: Callable[[Incident], bool] = field(default=lambda _incident: False)
    before: Callable[[Cast, Incident], object] = field(default=lambda _cast, _incident: None)
    answers: int = 204
    is_versioned: bool = True


def state_is(state: str) -> Callable[[Incident], bool]:
    return lambda incident: Incident.objects.get(pk=incident.pk).state == state


def has_entry(text: str, kind: str) -> Callable[[Incident], bool]:
    return lambda incident: incident.timeline.filter(kind=kind, text__contains=text).exists()


def paused(cast: Cast, incident: Incident) -> None:
    by = cast.principal("commander")
    clock_pause(incident=incident, by=by, kind=ClockKind.RESPOND, reason="x")


def complete(cast: Cast, incident: Incident) -> None:
    postmortem = written(cast, incident)
    why_add(postmortem=postmortem, by=cast.principal("responder"), text="It was full.")
    item(cast, postmortem)


def done(cast: Cast, incident: Incident) -> None:
    made = accepted(cast, incident).items.get()
    action_item_complete(item=made, by=cast.principal("responder"), version=1)


def skipped(cast: Cast, incident: Incident) -> None:
    check = incident.checklist.get(step=6, position=1)
    checklist_item_skip(item=check, by=cast.principal("responder"), version=1, reason="No logs")


def held(cast: Cast, incident: Incident) -> None:
    by, scribe = cast.principal("commander"), IncidentRole.Role.SCRIBE
    incident_assign(incident=incident, by=by, role=scribe, user=cast.commander)


def offered(cast: Cast, incident: Incident) -> None:
    held(cast, incident)
    by, scribe = cast.principal("commander"), IncidentRole.Role.SCRIBE
    role_offer(incident=incident, by=by, role=scribe, user=cast.responder)


def contained(cast: Cast, incident: Incident) -> None:
    by = cast.principal("commander")
    containment_record(
        incident=incident, by=by, kind="isolate", target="db-2", performed_by="Operations"
    )


def offer_is(state: str) -> Callable[[Incident], bool]:
    return lambda incident: incident.handovers.filter(state=state).exists()


def check_is(**values: object) -> Callable[[Incident], bool]:
    return lambda incident: incident.checklist.filter(step=6, **values).exists()


def ready(cast: Cast, act: Act) -> Incident:
    incident = in_state(cast, act.state)
    act.before(cast, incident)
    return incident


def address_of(act: Act, incident: Incident) -> str:
    note = incident.timeline.filter(kind=TimelineEntry.Kind.NOTE).first()
    why, made = Why.objects.first(), ActionItem.objects.first()
    known = {
        NOTE: note,
        WHY: why,
        AN_ITEM: made,
        A_CHECK: incident.checklist.filter(step=6).first(),
        AN_OFFER: incident.handovers.first(),
        CONTAINED: incident.containment.first(),
    }
    args = [known[arg].pk if known.get(arg) else arg for arg in act.args]  # type: ignore[union-attr,index] # it is there
    return reverse(f"incidents:{act.name}", args=[incident.pk, *args])


def press(client: Client, act: Act, incident: Incident, *, script: bool = True) -> HttpResponse:
    responder = User.objects.get(username="responder").pk
    data = {name: responder if value == RESPONDER else value for name, value in act.data.items()}
    return client.post(address_of(act, incident), data, headers=SCRIPT if script else {})


def rows() -> list[int]:
    counted = [
        m.objects.count()
        for m in (
            Incident,
            IncidentRole,
            ClockLeg,
            Postmortem,
            StatusUpdate,
            TimelineEntry,
            Why,
            ActionItem,
            ChecklistItem,
            ContainmentAction,
            RoleHandover,
            PinnedEntry,
            Attachment,
        )
    ]
    versions = [
        m.objects.values_list("version", flat=True)
        for m in (Incident, Postmortem, ActionItem, ChecklistItem)
    ]
    return [*counted, *map(sum, versions)]
