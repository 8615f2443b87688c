"""Tells the public: by a person's own words, and by itself as an incident moves on.

Nothing of a restricted incident or a drill is published. A person's update to one is kept, and
starts its clock over, but only those who may see the incident read it.
"""

from audit.governed import governed
from audit.principal import Principal
from audit.record import current
from incidents import actions
from incidents.models import Incident, StatusUpdate
from incidents.procedure import ENDED
from incidents.publishing import (
    MAX_PUBLIC_TEXT,
    TOLD_BY_THEMSELVES,
    UNPRINTABLE,
    WORDS,
    Word,
    template,
)
from incidents.services import clocks, telling
from incidents.services.entries import Kind, entry_add, said
from incidents.services.locking import incident_lock
from portal.lib.errors import FieldError, ValidationFailed


@governed(actions.PUBLISH, on="incident")
def status_update(
    *, incident: Incident, by: Principal, text: str, word: Word | None = None
) -> StatusUpdate:
    """Publishes what a person wrote for the public; the clock for the next one starts over.

    Without a `word` the one stays that was told last.
    """
    text = _for_the_public(text)
    locked = incident_lock(incident)
    word = Word(word) if word else word_now(locked)
    clocks.restart_status_update(locked)
    entry_add(locked, Kind.STATUS_UPDATE, f"{word.label}: {text}")
    telling.on_status_update(locked, text)
    return _tell(locked, word, text)


def word_now(incident: Incident) -> Word:
    """What was told last, else what its state says."""
    last = incident.status_updates.first()
    return Word(last.word) if last else WORDS.get(incident.state, Word.INVESTIGATING)


def on_step(incident: Incident, source: str) -> None:
    """After a step from the state `source`, within its governed call.

    A word that a person chose stays until a step brings another; an end is always told.
    """
    if WORDS.get(source) != WORDS.get(incident.state) or incident.state in ENDED:
        catch_up(incident)


def on_severity(incident: Incident) -> None:
    """One that nobody outside was told of may concern them now."""
    if not incident.status_updates.filter(is_public=True).exists():
        catch_up(incident)


def catch_up(incident: Incident) -> None:
    """Tells the public where the incident stands, if they should know and do not yet."""
    word = WORDS.get(incident.state)
    if word is None or not is_for_the_public(incident):
        return
    last = incident.status_updates.filter(is_public=True).first()
    if last is None and (incident.severity not in TOLD_BY_THEMSELVES or word == Word.RESOLVED):
        return
    if last is None or last.word != word:
        _tell(incident, word, template(word, incident.severity))


def is_for_the_public(incident: Incident) -> bool:
    return not incident.is_restricted and not incident.is_drill


def _tell(incident: Incident, word: Word, text: str) -> StatusUpdate:
    record, is_public = current(), is_for_the_public(incident)
    record.note(told={"word": word.value, "text": text, "is_public": is_public})
    return StatusUpdate.objects.create(
        incident=incident,
        word=word,
        text=text,
        is_public=is_public,
        written_at=record.at,
        author=record.request.principal.recorded,
    )


def _for_the_public(text: str) -> str:
    text = said(text.replace("\r\n", "\n"), "text")
    if len(text) > MAX_PUBLIC_TEXT:
        message = f"{len(text)} characters are too many; {MAX_PUBLIC_TEXT} fit."
        raise ValidationFailed([FieldError("text", message)])
    if UNPRINTABLE.search(text):
        raise ValidationFailed([FieldError("text", "must not contain control characters.")])
    return text
