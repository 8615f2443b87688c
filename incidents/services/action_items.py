"""What is done about an incident. While the postmortem is written, its items are its writers'; after
that, each is its owner's and the commanders'."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils import timezone

from audit.gate.types import Action
from audit.governed import governed
from audit.models import User
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import ActionItem, Incident, Postmortem
from incidents.models.incident import RESTRICTED
from incidents.postmortem_template import MAX_ITEMS
from incidents.selectors.visibility import VIEW
from incidents.services.entries import said
from incidents.services.item_listeners import tell
from incidents.services.locking import incident_lock
from incidents.services.postmortems import draft, rewritten
from portal.lib.errors import Conflict, FieldError, ValidationFailed

State, Kind = ActionItem.State, ActionItem.Kind


def whose(item: ActionItem, by: Principal) -> str:
    """By which right somebody changes an item: `own`, `draft` or `accepted`."""
    if by.user is not None and by.user.pk == item.owner_id:
        return "own"
    return "draft" if item.postmortem.accepted_at is None else "accepted"


def action_for(verb: str, item: ActionItem, by: Principal) -> Action:
    return actions.ITEMS[verb, whose(item, by)]


def _asked(verb: str) -> Any:
    return lambda arguments: action_for(verb, arguments["item"], arguments["by"])


@governed(actions.ADD_ITEM, on="postmortem")
def action_item_add(
    *, postmortem: Postmortem, by: Principal, text: str, owner: User, due_on: date, kind: str
) -> ActionItem:
    """Part of what is reviewed, so it makes the postmortem's next version."""
    text = said(text, "text")
    locked = draft(postmortem.incident)
    _checked_kind(kind)
    _may_own(owner, locked.incident)
    if due_on < timezone.localdate():
        raise ValidationFailed([FieldError("due_on", "This day has passed.")])
    if locked.items.count() >= MAX_ITEMS:
        message = f"A postmortem has at most {MAX_ITEMS} action items."
        raise ValidationFailed([FieldError("text", message)])
    at = current().at
    item = ActionItem.objects.create(
        postmortem=locked,
        text=text,
        owner=owner,
        due_on=due_on,
        kind=kind,
        added_at=at,
        changed_at=at,
    )
    current().note(item=item.pk, text=text, owner=owner, due_on=due_on.isoformat(), kind=kind)
    rewritten(locked)
    tell(item, "added")
    return item


@governed(_asked("change"), on="item")
def action_item_change(
    *, item: ActionItem, by: Principal, version: int, fields: Mapping[str, Any]
) -> ActionItem:
    """`fields` are any of `text`, `owner` (a User), `due_on` and `kind`. Of an open item."""
    locked = _locked(item, by, version)
    if locked.state != State.OPEN:
        message = f"It is {locked.get_state_display().lower()}. Reopen it first."
        raise Conflict(message)
    changes = {name: fields[name] for name in ("text", "owner", "due_on", "kind") if name in fields}
    if "text" in changes:
        changes["text"] = said(changes["text"], "text")
    if "kind" in changes:
        _checked_kind(changes["kind"])
    if "owner" in changes:
        _may_own(changes["owner"], locked.postmortem.incident)
    for name, value in changes.items():
        if (before := getattr(locked, name)) != value:
            current().note(**{name: _plain(value), f"{name}_before": _plain(before)})
            setattr(locked, name, value)
    if "owner" in changes or "due_on" in changes:
        locked.is_carried_over = False
    return _changed(locked, "changed")


@governed(_asked("complete"), on="item")
def action_item_complete(*, item: ActionItem, by: Principal, version: int) -> ActionItem:
    locked = _in_state(_locked(item, by, version), State.OPEN)
    locked.state, locked.done_at = State.DONE, current().at
    return _changed(locked, "done")


@governed(_asked("drop"), on="item", about=("reason",))
def action_item_drop(*, item: ActionItem, by: Principal, version: int, reason: str) -> ActionItem:
    """It will not be done, and why."""
    reason = said(reason, "reason")
    locked = _in_state(_locked(item, by, version), State.OPEN)
    locked.state, locked.reason = State.DROPPED, reason
    current().note(reason=reason)
    return _changed(locked, "dropped")


@governed(_asked("reopen"), on="item")
def action_item_reopen(*, item: ActionItem, by: Principal, version: int) -> ActionItem:
    locked = _in_state(_locked(item, by, version), State.DONE, State.DROPPED)
    locked.state, locked.reason, locked.done_at = State.OPEN, "", None
    return _changed(locked, "reopened")


def _locked(item: ActionItem, by: Principal, version: int) -> ActionItem:
    """The item as it stands, if it is still the one that was seen, by the right that the gate judged."""
    incident = incident_lock(item.postmortem.incident)
    found = (
        ActionItem.objects.select_for_update(of=("self", "postmortem"))
        .select_related("postmortem", "owner")
        .get(pk=item.pk)
    )
    found.postmortem.incident = incident
    if found.version != version or whose(found, by) != whose(item, by):
        message = "Somebody else changed this action item in the meantime. Look at it again."
        raise Conflict(message)
    return found


def _in_state(item: ActionItem, *states: str) -> ActionItem:
    if item.state not in states:
        message = f"It is {item.get_state_display().lower()} already."
        raise Conflict(message)
    return item


def _changed(item: ActionItem, what: str) -> ActionItem:
    item.version += 1
    item.changed_at = current().at
    item.save()
    current().note(item=item.pk, item_version=item.version)
    # What an item says and whose it is, is reviewed with the rest; that it was done is not.
    if what == "changed" and item.postmortem.accepted_at is None:
        rewritten(item.postmortem)
    tell(item, what)
    return item


def _checked_kind(kind: str) -> None:
    if kind not in Kind.values:
        message = f"One of {', '.join(Kind.values)}."
        raise ValidationFailed([FieldError("kind", message)])


def _may_own(owner: User, incident: Incident) -> None:
    """Whoever owns an item has to be able to see what it is about."""
    sees = owner.is_active and owner.has_perm(VIEW)
    if sees and incident.is_restricted:
        sees = owner.has_perm(RESTRICTED, incident)
    if not sees:
        message = f"{owner} cannot see {incident.number}."
        raise ValidationFailed([FieldError("owner", message)])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
