from collections.abc import Mapping

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Incident, Postmortem
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.services import clocks
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, ValidationFailed

REQUIRED = ("summary", "impact", "root_cause", "five_whys", "action_items")
FIELDS = (*REQUIRED, "lessons")


@governed(actions.WRITE_POSTMORTEM, on="incident")
def postmortem_write(
    *, incident: Incident, by: Principal, fields: Mapping[str, str], version: int = 0
) -> Postmortem:
    """Writes or rewrites the postmortem; who wrote last is its author, and cannot accept it.

    `version` is the one the writer started from, 0 for none. Raises `Conflict` where somebody wrote
    in the meantime, so that no text is lost.
    """
    locked = incident_lock(incident)
    if locked.state not in {State.DOCUMENTING, State.POSTMORTEM}:
        message = "The postmortem is written once the fix is verified."
        raise Conflict(message)
    if by.user is None:
        raise ValidationFailed([FieldError("author", "A postmortem is written by a person.")])
    existing = Postmortem.objects.filter(incident=locked).first()
    postmortem = existing or Postmortem(incident=locked, version=0)
    if postmortem.accepted_at:
        message = "This postmortem is accepted, and no longer changes."
        raise Conflict(message)
    if postmortem.version != version:
        message = "Somebody else wrote here in the meantime. Copy your text, reload, and merge it."
        raise Conflict(message)
    for name in FIELDS:
        setattr(postmortem, name, said(fields.get(name, ""), name, is_required=name in REQUIRED))
    postmortem.author = by.user
    postmortem.written_at = current().at
    postmortem.version += 1
    postmortem.save()
    current().note(version=postmortem.version)
    entry_add(locked, Kind.POSTMORTEM, f"Postmortem written (version {postmortem.version})")
    return postmortem


@governed(actions.ACCEPT_POSTMORTEM, on="postmortem")
def postmortem_accept(*, postmortem: Postmortem, by: Principal, version: int) -> Postmortem:
    """Accepts exactly the version that was read; four eyes, by axiom and by constraint."""
    incident = incident_lock(postmortem.incident)
    locked = Postmortem.objects.select_for_update(of=("self",)).get(pk=postmortem.pk)
    if locked.version != version:
        message = "The postmortem was rewritten since you read it. Read it again first."
        raise Conflict(message)
    if locked.accepted_at:
        message = "This postmortem is accepted already."
        raise Conflict(message)
    locked.accepted_at = current().at
    locked.accepted_by = by.user
    locked.save()
    current().note(version=locked.version)
    clocks.meet(incident, ClockKind.POSTMORTEM)
    entry_add(incident, Kind.POSTMORTEM, f"Postmortem accepted (version {locked.version})")
    return locked
