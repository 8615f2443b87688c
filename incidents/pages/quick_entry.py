"""What the quick entry's text asks for: a note, or one of the `/` commands. Each is one call of the
service that its button on the page would call, and the gate decides it as such."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.models import User
from audit.principal import Principal
from incidents import commands
from incidents.attachments import FIELD, Upload
from incidents.models import Incident, IncidentRole
from incidents.selectors import war_room as read
from incidents.services.action_items import action_item_add
from incidents.services.incidents import (
    incident_assign,
    incident_change_severity,
    incident_transition,
)
from incidents.services.publishing import status_update
from incidents.services.timeline import timeline_note, timeline_note_pinned
from incidents.severity import Severity
from portal.lib.errors import Conflict

MOST_PEOPLE = 500
WITH_FILES = {"at", "pin"}


@dataclass(frozen=True, slots=True)
class Entry:
    incident: Incident
    by: Principal
    text: str
    occurred_at: datetime | None = None
    attachments: Sequence[Upload] = ()


def enter(entry: Entry, typed: str) -> None:
    """`entry.text` is what follows the command. Raises `ValidationFailed` where it is misused."""
    given = commands.parse(typed)
    entry = Entry(entry.incident, entry.by, given.text, entry.occurred_at, entry.attachments)
    if given.command is None:
        _note(entry)
        return
    name = given.command.name
    if entry.attachments and name not in WITH_FILES:
        raise commands.wrong(f"/{name} takes no files; attach them to a note.", FIELD)
    if entry.occurred_at and name != "pin":
        message = f"/{name} takes no other time; leave this empty."
        raise commands.wrong(message, "occurred_at")
    if not entry.text and name != "ack":
        raise commands.misused(name)
    RUN[name](entry)


def _note(entry: Entry) -> None:
    timeline_note(
        incident=entry.incident,
        by=entry.by,
        text=entry.text,
        occurred_at=entry.occurred_at,
        attachments=entry.attachments,
    )


def _at(entry: Entry) -> None:
    at, text = commands.earlier(entry.text)
    _note(Entry(entry.incident, entry.by, text, at, entry.attachments))


def _pin(entry: Entry) -> None:
    timeline_note_pinned(
        incident=entry.incident,
        by=entry.by,
        text=entry.text,
        occurred_at=entry.occurred_at,
        attachments=entry.attachments,
    )


def _status(entry: Entry) -> None:
    status_update(incident=entry.incident, by=entry.by, text=entry.text)


def _severity(entry: Entry) -> None:
    level, _, reason = entry.text.partition(" ")
    if level.upper() not in Severity.values or not reason.strip():
        raise commands.misused("severity")
    incident_change_severity(
        incident=entry.incident, by=entry.by, severity=Severity(level.upper()), reason=reason
    )


def _ack(entry: Entry) -> None:
    incident_transition(incident=entry.incident, by=entry.by, name="acknowledge", reason=entry.text)


def _role(entry: Entry) -> None:
    role, _, name = entry.text.partition(" ")
    if role.lower() not in IncidentRole.Role.values or not name.strip().startswith("@"):
        raise commands.misused("role")
    incident_assign(
        incident=entry.incident,
        by=entry.by,
        role=IncidentRole.Role(role.lower()),
        user=_person(entry.incident, name.strip()[1:]),
    )


def _action(entry: Entry) -> None:
    item, postmortem = commands.action_item(entry.text), read.postmortem(entry.incident)
    if postmortem is None:
        raise Conflict("Action items are part of the postmortem, and that is not begun yet.")
    action_item_add(
        postmortem=postmortem,
        by=entry.by,
        text=item.text,
        owner=_person(entry.incident, item.owner),
        due_on=item.due_on,
        kind=item.kind,
    )


def _person(incident: Incident, name: str) -> User:
    """Among those that the dialogs offer."""
    for person in read.responders(incident, limit=MOST_PEOPLE):
        if person.username == name:
            return person
    raise commands.wrong(f"Nobody called @{name[:150]} works this incident.")


RUN: dict[str, Callable[[Entry], None]] = {
    "at": _at,
    "pin": _pin,
    "status": _status,
    "severity": _severity,
    "ack": _ack,
    "role": _role,
    "action": _action,
}
