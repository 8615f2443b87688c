"""The tree of whys. Each change is one of what the postmortem says, and so makes its next version."""

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Postmortem, Why
from incidents.postmortem_template import MAX_DEPTH, MAX_WHYS, digest
from incidents.services.entries import said
from incidents.services.postmortems import draft, rewritten
from portal.lib.errors import Conflict, FieldError, ValidationFailed


@governed(actions.ADD_WHY, on="postmortem")
def why_add(*, postmortem: Postmortem, by: Principal, text: str, parent: Why | None = None) -> Why:
    """Below `parent`, the answer that it explains; the first of a chain without one."""
    text = said(text, "text")
    locked = draft(postmortem.incident)
    if locked.whys.count() >= MAX_WHYS:
        message = f"A postmortem has at most {MAX_WHYS} whys."
        raise ValidationFailed([FieldError("text", message)])
    depth = 1
    if parent is not None:
        above = _locked(locked, parent)
        depth = above.depth + 1
        if depth > MAX_DEPTH:
            message = f"{MAX_DEPTH} whys deep is enough: act on what is found there."
            raise ValidationFailed([FieldError("parent", message)])
    beside = locked.whys.filter(parent=parent).order_by("-position").first()
    why = Why.objects.create(
        postmortem=locked,
        parent=parent,
        depth=depth,
        position=beside.position + 1 if beside else 1,
        text=text,
    )
    current().note(why=why.pk, text=text)
    rewritten(locked)
    return why


@governed(actions.CHANGE_WHY, on="postmortem")
def why_change(*, postmortem: Postmortem, by: Principal, why: Why, text: str, seen: str) -> Why:
    """`seen` is the digest of the text that the writer started from."""
    text = said(text, "text").replace("\r\n", "\n")
    locked = draft(postmortem.incident)
    found = _locked(locked, why)
    if digest(found.text) not in {seen, digest(text)}:
        message = f"Somebody else changed it in the meantime. It now reads: {found.text}"
        raise Conflict(message)
    current().note(why=found.pk, was=found.text, text=text)
    found.text = text
    found.save()
    rewritten(locked)
    return found


@governed(actions.REMOVE_WHY, on="postmortem")
def why_remove(*, postmortem: Postmortem, by: Principal, why: Why) -> Postmortem:
    """Only one that nothing is asked of any more: what stands below an answer is not lost with it."""
    locked = draft(postmortem.incident)
    found = _locked(locked, why)
    if found.reasons.exists():
        message = "There are answers below it. Remove those first."
        raise Conflict(message)
    current().note(why=found.pk, was=found.text)
    found.delete()
    return rewritten(locked)


def _locked(postmortem: Postmortem, why: Why) -> Why:
    found = postmortem.whys.select_for_update(of=("self",)).filter(pk=why.pk).first()
    if found is None:
        message = "Somebody else has removed this why."
        raise Conflict(message)
    return found
