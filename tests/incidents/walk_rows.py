"""An incident with something of everything on it, and the addresses of its rows."""

import uuid
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Self

import pytest

from audit.models import ApprovalRequest, Event
from incidents.attachments import checked
from incidents.models import Attachment, Incident, IncidentRole, Postmortem
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.services.clocks import clock_pause
from incidents.services.containment import containment_record
from incidents.services.evidence import evidence_hold
from incidents.services.handovers import role_offer
from incidents.services.incidents import incident_assign
from incidents.services.postmortems import FIELDS, postmortem_accept, postmortem_submit
from incidents.services.postmortems import postmortem_write as write
from incidents.services.publishing import status_update
from incidents.services.restriction import incident_restrict, incident_unrestrict
from incidents.services.timeline import timeline_note, timeline_note_pinned
from incidents.services.whys import why_add
from portal.lib.errors import ApprovalRequired
from tests.incidents.arranging import alert
from tests.incidents.making import WAYS, item, move
from tests.people import Cast

NO_ROW = 987_654_321


@dataclass(frozen=True)
class Rows:
    """What stands in an address for each row of one incident, as text."""

    word: str
    number: str
    incident: str
    entry: str
    why: str
    item: str
    event: str
    receipt: str
    receipt_row: str
    notification: str
    notification_row: str
    approval: str
    attachment: str
    check: str
    contained: str
    offer: str

    def within(self, other: Self) -> Self:
        """These rows, asked for as parts of the other incident."""
        return replace(self, number=other.number, incident=other.incident)


def nothing(word: str) -> Rows:
    """Rows that never existed."""
    nowhere, row = str(uuid.UUID(int=NO_ROW)), str(NO_ROW)
    return Rows(
        word=word,
        number=f"INC-{row}",
        incident=row,
        entry=row,
        why=row,
        item=row,
        event=row,
        receipt=nowhere,
        receipt_row=row,
        notification=nowhere,
        notification_row=row,
        approval=nowhere,
        attachment=row,
        check=row,
        contained=row,
        offer=row,
    )


def worked(cast: Cast, word: str) -> Incident:
    """From an alert to an accepted postmortem, by the commander, open to all."""
    by = cast.principal("commander")
    incident = alert(
        cast,
        word,
        summary=f"{word} is down",
        severity_text="critical",
        labels={"pod": word},
        links=(f"https://wiki.example.org/{word}",),
    )
    alert(cast, word, summary=f"{word} is down", severity_text="critical", labels={"pod": word})
    commander = IncidentRole.Role.COMMANDER
    incident_assign(incident=incident, by=by, role=commander, user=cast.commander)
    incident.refresh_from_db()
    for name in WAYS[State.ACKNOWLEDGED]:
        incident = move(cast, incident, name, f"{word} because")
    _told(cast, incident, word)
    clock_pause(incident=incident, by=by, kind=ClockKind.STATUS_UPDATE, reason=f"{word} told")
    evidence_hold(incident=incident, by=by)
    role_offer(incident=incident, by=by, role=commander, user=cast.responder, note=word)
    containment_record(
        incident=incident, by=by, kind="isolate", target=word, performed_by=f"{word} team"
    )
    file = BytesIO(word.encode())
    timeline_note_pinned(
        incident=incident,
        by=by,
        text=f"{word} in a file",
        attachments=[checked(f"{word}.txt", file, limit=1000)],
    )
    incident.refresh_from_db()
    for name in WAYS[State.POSTMORTEM][len(WAYS[State.ACKNOWLEDGED]) :]:
        incident = move(cast, incident, name, f"{word} because")
    texts = dict.fromkeys(FIELDS, f"{word} in words.")
    postmortem = write(incident=incident, by=by, fields=texts)
    why_add(postmortem=postmortem, by=by, text=f"{word} was full.")
    item(cast, postmortem, "commander", text=f"{word} earlier", owner=cast.commander)
    postmortem.refresh_from_db()
    postmortem_submit(postmortem=postmortem, by=by, version=postmortem.version)
    postmortem.refresh_from_db()
    postmortem_accept(
        postmortem=postmortem, by=cast.principal("approver"), version=postmortem.version
    )
    return Incident.objects.get(pk=incident.pk)


def hidden(cast: Cast, word: str) -> Incident:
    """One that all worked on while it was open to all, and more was written in it since; lifting
    the restriction waits for a second person."""
    incident, by = worked(cast, word), cast.principal("commander")
    incident_restrict(incident=incident, by=by, reason=f"{word} leaks")
    incident = Incident.objects.get(pk=incident.pk)
    _told(cast, incident, word)
    administrator = cast.principal("administrator")
    with pytest.raises(ApprovalRequired):
        incident_unrestrict(incident=incident, by=administrator, reason=f"{word} is over")
    return incident


def _told(cast: Cast, incident: Incident, word: str) -> None:
    by = cast.principal("commander")
    timeline_note(incident=incident, by=by, text=f"{word} since noon")
    status_update(incident=incident, by=by, text=f"{word} fails. We roll back.")


def rows_of(incident: Incident, word: str) -> Rows:
    receipt = incident.alerts.get().receipts.latest("id")
    notification = incident.notifications.latest("id")
    approval = ApprovalRequest.objects.filter(subjects__contains=[incident.pk]).first()
    postmortem = Postmortem.objects.get(incident=incident)
    return Rows(
        word=word,
        number=incident.number,
        incident=str(incident.pk),
        entry=str(incident.timeline.filter(kind="note").latest("id").pk),
        why=str(postmortem.whys.get().pk),
        item=str(postmortem.items.get().pk),
        event=str(Event.objects.filter(event="incident_restricted").latest("id").pk)
        if incident.is_restricted
        else str(Event.objects.latest("id").pk),
        receipt=str(receipt.public_id),
        receipt_row=str(receipt.pk),
        notification=str(notification.public_id),
        notification_row=str(notification.pk),
        approval=str(approval.pk if approval else uuid.UUID(int=NO_ROW)),
        attachment=str(Attachment.objects.filter(entry__incident=incident).latest("id").pk),
        check=str(incident.checklist.latest("id").pk),
        contained=str(incident.containment.latest("id").pk),
        offer=str(incident.handovers.latest("id").pk),
    )
