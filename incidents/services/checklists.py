"""What is to be done in each step. A list is copied into the incident when the step begins, so that
what was asked of it stays what it was, whatever administrators change later."""

from typing import Any
from urllib.parse import urlsplit

from audit.governed import governed
from audit.models import User
from audit.principal import Principal
from audit.record import current
from audit.rows import register_rows
from incidents import actions
from incidents.checklist_lines import MAX_LINE
from incidents.models import ChecklistItem, ChecklistTemplate, Incident
from incidents.models.incident import RESTRICTED
from incidents.procedure import Step, current_step
from incidents.selectors.checklists import (
    MAX_ITEMS,
    VERIFICATION,
    newest_round,
    still_open,
    template_lines,
)
from incidents.services.entries import said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, ValidationFailed

register_rows(ChecklistTemplate)

State = ChecklistItem.State
MAX_URL = 1000


def begin(incident: Incident, step: Step | None) -> None:
    """Copies the list of the step that begins, within the running call; anew where it begins again."""
    if step is None:
        return
    at = current().at
    number = newest_round(incident, step.number) + 1
    ChecklistItem.objects.bulk_create(
        ChecklistItem(
            incident=incident,
            step=step.number,
            round=number,
            position=position,
            text=line.text,
            is_required=line.is_required,
            changed_at=at,
        )
        for position, line in enumerate(template_lines(incident, step.number), start=1)
    )


def left_open(incident: Incident, step: Step | None) -> list[ChecklistItem]:
    """The required items of the step that is left, still open."""
    return [item for item in still_open(incident, step) if item.is_required]


def insist(step: Step | None, items: list[ChecklistItem]) -> None:
    """Nothing counts as verified while a required check has no answer. Raises `ValidationFailed`."""
    if step is not None and step.number == VERIFICATION and items:
        raise ValidationFailed(
            [FieldError("checklist", f"Still to be checked: {item.text}") for item in items]
        )


@governed(actions.CHECKLIST["add"], on="incident")
def checklist_item_add(
    *,
    incident: Incident,
    by: Principal,
    text: str,
    assignee: User | None = None,
    is_required: bool = False,
) -> ChecklistItem:
    """To the step that the incident is at, and to this incident alone."""
    text = _line(text)
    locked = incident_lock(incident)
    step = current_step(locked.state)
    if step is None:
        message = f"{locked.number} has ended; reopen it first."
        raise Conflict(message)
    number = max(newest_round(locked, step.number), 1)
    there = locked.checklist.filter(step=step.number, round=number).count()
    if there >= MAX_ITEMS:
        raise ValidationFailed([FieldError("text", f"A step has at most {MAX_ITEMS} items.")])
    _may_do(assignee, locked)
    item = ChecklistItem.objects.create(
        incident=locked,
        step=step.number,
        round=number,
        position=there + 1,
        text=text,
        is_required=is_required,
        assignee=assignee,
        changed_at=current().at,
    )
    current().note(item=item.pk, step=step.number, text=text, assignee=assignee)
    return item


@governed(actions.CHECKLIST["assign"], on="item")
def checklist_item_assign(
    *, item: ChecklistItem, by: Principal, version: int, assignee: User | None
) -> ChecklistItem:
    """None for nobody."""
    locked = _locked(item, version)
    _in_state(locked, State.OPEN)
    _may_do(assignee, locked.incident)
    current().note(assignee=assignee, assignee_before=locked.assignee)
    locked.assignee = assignee
    return _changed(locked)


@governed(actions.CHECKLIST["complete"], on="item", about=("reason",))
def checklist_item_complete(
    *,
    item: ChecklistItem,
    by: Principal,
    version: int,
    reason: str = "",
    evidence: str = "",
    evidence_url: str = "",
) -> ChecklistItem:
    """Done, with what shows it: words, a web address, or both."""
    reason = said(reason, "reason", is_required=False)
    evidence = said(evidence, "evidence", is_required=False)
    evidence_url = web_address(evidence_url, "evidence_url")
    locked = _locked(item, version)
    _in_state(locked, State.OPEN)
    locked.evidence, locked.evidence_url = evidence, evidence_url
    current().note(evidence=evidence, evidence_url=evidence_url)
    return _settled(locked, State.DONE, reason, by)


@governed(actions.CHECKLIST["skip"], on="item", about=("reason",))
def checklist_item_skip(
    *, item: ChecklistItem, by: Principal, version: int, reason: str
) -> ChecklistItem:
    """Not applicable here, and why."""
    reason = said(reason, "reason")
    locked = _locked(item, version)
    _in_state(locked, State.OPEN)
    return _settled(locked, State.NOT_APPLICABLE, reason, by)


@governed(actions.CHECKLIST["reopen"], on="item")
def checklist_item_reopen(*, item: ChecklistItem, by: Principal, version: int) -> ChecklistItem:
    """To be done after all. What was given as its evidence stays in the record alone."""
    locked = _locked(item, version)
    _in_state(locked, State.DONE, State.NOT_APPLICABLE)
    locked.state, locked.done_by, locked.done_at = State.OPEN, "", None
    locked.reason = locked.evidence = locked.evidence_url = ""
    return _changed(locked)


def web_address(text: str, field: str) -> str:
    """An address that a browser may open, or none. Raises `ValidationFailed`."""
    text = said(text, field, is_required=False)
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or any(letter.isspace() for letter in text):
        message = "Only a web address that begins with https:// or http://."
        raise ValidationFailed([FieldError(field, message)])
    if len(text) > MAX_URL:
        raise ValidationFailed([FieldError(field, f"At most {MAX_URL} characters.")])
    # `HTTPS://` is the same to browsers; the database asks for one spelling.
    return parts.scheme + text[len(parts.scheme) :]


def _line(text: str) -> str:
    text = " ".join(said(text, "text").split())
    if len(text) > MAX_LINE:
        raise ValidationFailed([FieldError("text", f"At most {MAX_LINE} characters.")])
    return text


def _locked(item: ChecklistItem, version: int) -> ChecklistItem:
    """The item as it stands, if it is the one that was seen and its incident goes on."""
    incident = incident_lock(item.incident)
    found = ChecklistItem.objects.select_related("assignee").get(pk=item.pk)
    found.incident = incident
    if not incident.is_open:
        message = f"{incident.number} has ended; reopen it first."
        raise Conflict(message)
    if found.version != version:
        message = "Somebody else changed this item in the meantime. Look at it again."
        raise Conflict(message)
    current().note(item=item.pk, step=found.step, text=found.text)
    return found


def _in_state(item: ChecklistItem, *states: str) -> None:
    if item.state not in states:
        message = f"It is {item.get_state_display().lower()} already."
        raise Conflict(message)


def _settled(item: ChecklistItem, state: str, reason: str, by: Principal) -> ChecklistItem:
    item.state, item.reason = state, reason
    item.done_by, item.done_at = by.recorded, current().at
    current().note(reason=reason)
    return _changed(item)


def _changed(item: ChecklistItem) -> ChecklistItem:
    item.version += 1
    item.changed_at = current().at
    item.save()
    current().note(item_version=item.version)
    return item


def _may_do(assignee: Any, incident: Incident) -> None:
    if assignee is None:
        return
    works = assignee.is_active and assignee.has_perm(actions.RESPOND)
    if works and incident.is_restricted:
        works = assignee.has_perm(RESTRICTED, incident)
    if not works:
        message = f"{assignee} may not work {incident.number}."
        raise ValidationFailed([FieldError("assignee", message)])
