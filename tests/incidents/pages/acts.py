"""Every change that a page can ask for, as data: who may, from where, and what it comes to."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
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
from incidents.postmortem_template import digest
from incidents.procedure import State
from incidents.services.action_items import action_item_complete
from incidents.services.checklists import checklist_item_skip
from incidents.services.clocks import clock_pause
from incidents.services.containment import containment_record
from incidents.services.handovers import role_offer
from incidents.services.incidents import incident_assign
from incidents.services.postmortems import UNWRITTEN
from incidents.services.timeline import timeline_note, timeline_note_pinned
from incidents.services.whys import why_add
from tests.incidents.making import accepted, in_state, item, submitted, written
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


ACTS = [
    Act(
        "incident-move",
        State.CONTAINED,
        {"reason": "Logs", "version": 5},
        may="responder",
        may_not="auditor",
        args=("investigate",),
        is_done=state_is(State.INVESTIGATING),
    ),
    Act(
        "incident-move",
        State.CONTAINED,
        {"reason": "A test alert", "version": 5},
        args=("dismiss",),
        is_done=state_is(State.FALSE_POSITIVE),
    ),
    Act(
        "incident-severity",
        State.CONTAINED,
        {"severity": "P0", "reason": "All are hit", "version": 5},
        is_done=lambda i: Incident.objects.get(pk=i.pk).severity == "P0",
    ),
    Act(
        "role-assign",
        State.CONTAINED,
        {"role": "scribe", "user": RESPONDER},
        is_done=lambda i: i.roles.filter(role="scribe", user__username="responder").exists(),
    ),
    Act(
        "take-command",
        State.CONTAINED,
        {},
        is_done=lambda i: i.roles.filter(role="commander", user__username="commander").exists(),
    ),
    Act(
        "check-add",
        State.CONTAINED,
        {"text": "Call the vendor", "assignee": RESPONDER},
        may="responder",
        may_not="auditor",
        is_done=check_is(text="Call the vendor", assignee__username="responder"),
    ),
    *(
        Act(
            f"check-{verb}",
            State.CONTAINED,
            {"version": 1, **data},
            may="responder",
            may_not="auditor",
            args=(A_CHECK,),
            is_done=check_is(version=2, **stands),
        )
        for verb, data, stands in (
            ("assign", {"assignee": RESPONDER}, {"assignee__username": "responder"}),
            (
                "done",
                {"evidence": "Seen", "evidence_url": "https://logs.test/1"},
                {"state": "done"},
            ),
            ("skip", {"reason": "No logs"}, {"state": "not_applicable"}),
        )
    ),
    Act(
        "check-reopen",
        State.CONTAINED,
        {"version": 2},
        may="responder",
        may_not="auditor",
        args=(A_CHECK,),
        before=skipped,
        is_done=check_is(version=3, state="open"),
    ),
    Act(
        "containment-record",
        State.ACKNOWLEDGED,
        {"kind": "roll_back", "target": "checkout 4.2", "performed_by": "Ada"},
        is_done=has_entry("Roll back: checkout 4.2, by Ada", "containment"),
    ),
    Act(
        "containment-reverse",
        State.CONTAINED,
        {"reason": "It is fixed"},
        args=(CONTAINED,),
        before=contained,
        is_done=has_entry("Reversed: Isolate: db-2: It is fixed", "containment"),
    ),
    Act(
        "role-offer",
        State.CONTAINED,
        {"role": "scribe", "user": RESPONDER, "note": "Half past"},
        may_not="auditor",
        before=held,
        is_done=offer_is("pending"),
    ),
    *(
        Act(
            f"role-{verb}",
            State.CONTAINED,
            data,
            may=may,
            may_not="auditor",
            args=(AN_OFFER,),
            before=offered,
            is_done=offer_is(state),
        )
        for verb, may, data, state in (
            ("accept", "responder", {}, "accepted"),
            ("decline", "responder", {"reason": "Asleep"}, "declined"),
            ("withdraw", "commander", {}, "withdrawn"),
        )
    ),
    Act(
        "role-take",
        State.CONTAINED,
        {"role": "deputy", "reason": "Nobody answers"},
        is_done=lambda i: i.roles.filter(role="deputy", user__username="commander").exists(),
    ),
    Act(
        "clock-pause",
        State.DETECTED,
        {"reason": "Vendor"},
        args=("respond",),
        is_done=lambda i: i.clock_legs.filter(phase="paused", reason="Vendor").exists(),
    ),
    Act(
        "clock-resume",
        State.DETECTED,
        {},
        args=("respond",),
        before=paused,
        is_done=lambda i: i.clock_legs.filter(phase="running", position=3).exists(),
    ),
    Act(
        "note-add",
        State.DETECTED,
        {"text": "Seen"},
        may="responder",
        may_not="auditor",
        is_done=has_entry("Seen", "note"),
    ),
    Act(
        "update-publish",
        State.DETECTED,
        {"text": "Told", "word": "identified"},
        may="responder",
        may_not="auditor",
        is_done=has_entry("Identified: Told", "status_update"),
    ),
    Act(
        "note-correct",
        State.DETECTED,
        {"text": "Better"},
        may="responder",
        may_not="auditor",
        args=(NOTE,),
        before=lambda cast, i: timeline_note(incident=i, by=cast.principal("responder"), text="x"),
        is_done=lambda i: i.timeline.filter(text="Better", supersedes__text="x").exists(),
    ),
    Act(
        "entry-pin",
        State.DETECTED,
        {},
        may="responder",
        may_not="auditor",
        args=(NOTE,),
        before=lambda cast, i: timeline_note(incident=i, by=cast.principal("commander"), text="x"),
        is_done=lambda i: i.pins.filter(entry__text="x").exists(),
    ),
    Act(
        "entry-unpin",
        State.DETECTED,
        {},
        may="responder",
        may_not="auditor",
        args=(NOTE,),
        before=lambda cast, i: timeline_note_pinned(
            incident=i, by=cast.principal("commander"), text="x"
        ),
        is_done=lambda i: not i.pins.exists(),
    ),
    Act(
        "note-add",
        State.DETECTED,
        {"text": "/pin Bridge", "key": "a" * 32},
        may="responder",
        may_not="auditor",
        is_done=lambda i: i.pins.filter(entry__text="Bridge").exists(),
    ),
    Act(
        "note-add",
        State.CONTAINED,
        {"text": "/severity P0 All are hit", "key": "b" * 32, "occurred_at": ""},
        is_done=lambda i: Incident.objects.get(pk=i.pk).severity == "P0",
    ),
    Act(
        "postmortem-section",
        State.DOCUMENTING,
        {"text": "Half of it.", "seen": UNWRITTEN},
        may="responder",
        may_not="auditor",
        args=("impact",),
        is_done=lambda i: Postmortem.objects.filter(incident=i, impact="Half of it.").exists(),
        answers=200,
    ),
    Act(
        "why-begin",
        State.POSTMORTEM,
        {"text": "It was full."},
        may="responder",
        may_not="auditor",
        before=written,
        is_done=lambda i: Why.objects.filter(postmortem__incident=i, depth=1).exists(),
    ),
    Act(
        "why-add",
        State.POSTMORTEM,
        {"text": "It leaked."},
        may="responder",
        may_not="auditor",
        args=(WHY,),
        before=submitted,
        is_done=lambda i: Why.objects.filter(postmortem__incident=i, depth=2).exists(),
    ),
    Act(
        "why-change",
        State.POSTMORTEM,
        {"text": "Other.", "seen": digest("It was full.")},
        may="responder",
        may_not="auditor",
        args=(WHY,),
        before=submitted,
        is_done=lambda i: Why.objects.filter(postmortem__incident=i, text="Other.").exists(),
    ),
    Act(
        "why-remove",
        State.POSTMORTEM,
        {},
        may="responder",
        may_not="auditor",
        args=(WHY,),
        before=submitted,
        is_done=lambda i: not Why.objects.filter(postmortem__incident=i).exists(),
    ),
    Act(
        "item-add",
        State.POSTMORTEM,
        {**ITEM, "version": 0},
        may="commander",
        may_not="auditor",
        before=written,
        is_done=lambda _i: ActionItem.objects.filter(text="Do it").exists(),
        is_versioned=False,
    ),
    Act(
        "item-change",
        State.POSTMORTEM,
        {**ITEM, "version": 1},
        may="commander",
        may_not="auditor",
        args=(AN_ITEM,),
        before=submitted,
        is_done=lambda _i: ActionItem.objects.filter(text="Do it", kind="prevent").exists(),
    ),
    # Once it is accepted, an item of somebody else's is the commander's.
    *(
        Act(
            f"item-{verb}",
            State.POSTMORTEM,
            {"version": 1, **more},
            may="approver",
            may_not="auditor",
            args=(AN_ITEM,),
            before=accepted,
            is_done=lambda _i, state=state: ActionItem.objects.filter(state=state).exists(),
        )
        for verb, state, more in (("done", "done", {}), ("drop", "dropped", {"reason": "x"}))
    ),
    Act(
        "item-reopen",
        State.POSTMORTEM,
        {"version": 2},
        may="approver",
        may_not="auditor",
        args=(AN_ITEM,),
        before=done,
        is_done=lambda _i: ActionItem.objects.filter(state="open", version=3).exists(),
    ),
    Act(
        "postmortem-submit",
        State.POSTMORTEM,
        {"version": 3},
        may="responder",
        may_not="auditor",
        before=complete,
        is_done=lambda _i: Postmortem.objects.filter(submitted_at__isnull=False).exists(),
    ),
    Act(
        "postmortem-send-back",
        State.POSTMORTEM,
        {"version": 3, "reason": "Who was affected?"},
        may="approver",
        may_not="responder",
        before=lambda cast, i: submitted(cast, i, "commander"),
        is_done=lambda _i: Postmortem.objects.filter(sent_back="Who was affected?").exists(),
    ),
    Act(
        "postmortem-accept",
        State.POSTMORTEM,
        {"version": 3},
        may="approver",
        may_not="responder",
        before=lambda cast, i: submitted(cast, i, "commander"),
        is_done=lambda i: Postmortem.objects.filter(incident=i, accepted_at__isnull=False).exists(),
    ),
]
NAMES = [f"{act.name}-{'-'.join(map(str, act.args)) or len(act.data)}" for act in ACTS]
every_act = pytest.mark.parametrize("act", ACTS, ids=NAMES)


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
