"""A postmortem is written section by section, reviewed, and accepted by somebody who wrote no part.

Two people lose nothing to each other: a change names the text that its writer started from, and is a
`Conflict` where that is no longer what stands there.
"""

from collections.abc import Mapping

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Incident, Postmortem
from incidents.models.clock import ClockKind
from incidents.postmortem_template import (
    BY_NAME,
    MAX_FACTOR,
    MAX_FACTORS,
    SECTIONS,
    Section,
    as_text,
    digest,
    factors,
    missing,
)
from incidents.procedure import State
from incidents.services import clocks
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import Conflict, FieldError, ValidationFailed

FIELDS = tuple(section.name for section in SECTIONS)
WRITABLE = {State.DOCUMENTING, State.POSTMORTEM}
# What a writer starts from where nothing is written yet.
UNWRITTEN = digest("")


class SectionConflict(Conflict):
    """Somebody else wrote this section; `theirs` is what stands there now."""

    def __init__(self, section: str, postmortem: Postmortem) -> None:
        super().__init__("Somebody else wrote here in the meantime. Nothing of either is lost.")
        self.section = section
        self.postmortem = postmortem
        self.theirs = as_text(getattr(postmortem, section))


@governed(actions.WRITE_POSTMORTEM, on="incident")
def section_write(
    *, incident: Incident, by: Principal, section: str, text: str, seen: str
) -> Postmortem:
    """`seen` is the digest of the text that the writer started from. Raises `SectionConflict`."""
    postmortem = draft(incident)
    part = BY_NAME[section]
    value = _checked(part, text)
    if digest(getattr(postmortem, section)) not in {seen, digest(value)}:
        raise SectionConflict(section, postmortem)
    setattr(postmortem, section, value)
    current().note(section=section)
    return rewritten(postmortem)


@governed(actions.WRITE_POSTMORTEM, on="incident")
def postmortem_write(
    *, incident: Incident, by: Principal, fields: Mapping[str, str], version: int = 0
) -> Postmortem:
    """All sections at once. `version` is the one that the writer started from, 0 for none."""
    postmortem = draft(incident)
    if postmortem.version != version:
        message = "Somebody else wrote here in the meantime. Copy your text, reload, and merge it."
        raise Conflict(message)
    for section in SECTIONS:
        setattr(postmortem, section.name, _checked(section, fields.get(section.name, "")))
    return rewritten(postmortem)


@governed(actions.SUBMIT_POSTMORTEM, on="postmortem")
def postmortem_submit(*, postmortem: Postmortem, by: Principal, version: int) -> Postmortem:
    """Ready to be reviewed. Raises `ValidationFailed` that says what is missing."""
    locked = draft(postmortem.incident)
    _unmoved(locked, version)
    if locked.is_in_review:
        message = "It is in review already."
        raise Conflict(message)
    lacks = missing(locked.texts(), whys=locked.whys.count(), items=list(locked.items.all()[:1]))
    if lacks:
        raise ValidationFailed([FieldError("postmortem", f"{what}.") for what in lacks])
    locked.submitted_at, locked.submitted_by, locked.sent_back = current().at, by.user, None
    locked.save()
    current().note(version=locked.version)
    entry_add(locked.incident, Kind.POSTMORTEM, f"Postmortem in review (version {locked.version})")
    return locked


@governed(actions.SEND_BACK_POSTMORTEM, on="postmortem", about=("reason",))
def postmortem_send_back(
    *, postmortem: Postmortem, by: Principal, version: int, reason: str
) -> Postmortem:
    reason = said(reason, "reason")
    locked = draft(postmortem.incident)
    _unmoved(locked, version)
    if not locked.is_in_review:
        message = "It is not in review."
        raise Conflict(message)
    locked.submitted_at = locked.submitted_by = None
    locked.sent_back = reason
    locked.save()
    current().note(version=locked.version, reason=reason)
    entry_add(locked.incident, Kind.POSTMORTEM, f"Postmortem sent back: {reason}")
    return locked


@governed(actions.ACCEPT_POSTMORTEM, on="postmortem")
def postmortem_accept(*, postmortem: Postmortem, by: Principal, version: int) -> Postmortem:
    """Accepts exactly the version that was read; four eyes, by axiom and by the database."""
    incident = incident_lock(postmortem.incident)
    locked = Postmortem.objects.select_for_update(of=("self",)).get(pk=postmortem.pk)
    if locked.accepted_at:
        message = "This postmortem is accepted already."
        raise Conflict(message)
    _unmoved(locked, version)
    if not locked.is_in_review:
        message = "It is not in review. Whoever writes it submits it first."
        raise Conflict(message)
    locked.accepted_at = current().at
    locked.accepted_by = by.user
    locked.save()
    current().note(version=locked.version)
    clocks.meet(incident, ClockKind.POSTMORTEM)
    entry_add(incident, Kind.POSTMORTEM, f"Postmortem accepted (version {locked.version})")
    return locked


def draft(incident: Incident) -> Postmortem:
    """The postmortem, locked, to be changed within the running call; new where there is none yet.

    Raises `Conflict` before there is anything to write about, and once it is accepted.
    """
    locked = incident_lock(incident)
    if locked.state not in WRITABLE:
        message = "The postmortem is written once the fix is verified."
        raise Conflict(message)
    if current().request.principal.user is None:
        raise ValidationFailed([FieldError("author", "A postmortem is written by a person.")])
    found = Postmortem.objects.select_for_update(of=("self",)).filter(incident=locked).first()
    if found is None:
        return Postmortem(incident=locked, version=0)
    if found.accepted_at:
        message = "This postmortem is accepted, and no longer changes."
        raise Conflict(message)
    found.incident = locked
    return found


def rewritten(postmortem: Postmortem) -> Postmortem:
    """Saves it as the next version, by whoever makes the running call."""
    record = current()
    author = record.request.principal.user
    if author is not None:
        postmortem.author = author
    postmortem.written_at = record.at
    postmortem.version += 1
    postmortem.save()
    record.note(version=postmortem.version)
    if postmortem.version == 1:
        entry_add(postmortem.incident, Kind.POSTMORTEM, "Postmortem begun")
    return postmortem


def _unmoved(postmortem: Postmortem, version: int) -> None:
    if postmortem.version != version:
        message = "The postmortem was rewritten since you read it. Read it again first."
        raise Conflict(message)


def _checked(section: Section, text: str) -> str | list[str]:
    text = said(text, section.name, is_required=False).replace("\r\n", "\n")
    if not section.is_list:
        return text
    found = factors(text)
    if len(found) > MAX_FACTORS:
        message = f"{len(found)} are too many; {MAX_FACTORS} fit."
        raise ValidationFailed([FieldError(section.name, message)])
    if any(len(line) > MAX_FACTOR for line in found):
        message = f"A line has at most {MAX_FACTOR} characters."
        raise ValidationFailed([FieldError(section.name, message)])
    return found
