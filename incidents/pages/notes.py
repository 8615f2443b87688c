"""The timeline's quick entry, the correction of a note, and pins."""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.forms import Form

from incidents import attachments
from incidents.attachments import Upload
from incidents.models import TimelineEntry
from incidents.pages.base import IncidentAct
from incidents.pages.forms import CorrectionForm, EmptyForm, NoteForm
from incidents.pages.once import once
from incidents.pages.quick_entry import Entry, enter
from incidents.services.pins import entry_pin, entry_unpin
from incidents.services.timeline import timeline_note
from portal.lib.errors import FieldError, NotFound, ValidationFailed
from portal.lib.uploads import MAX_FILES


def note_form(data: Any = None) -> Form:
    """With ids of its own, since a dialog's form may be on the same page."""
    return NoteForm(data, auto_id="note_%s", initial={"key": uuid.uuid4().hex})


class AddNote(IncidentAct):
    form_class = NoteForm
    title = "Add a note"

    def form(self, data: Any = None) -> Form:
        return note_form(data)

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "submit_label": "Add"}

    def act(self, data: dict[str, Any]) -> str:
        entry = Entry(
            incident=self.incident,
            by=self.by,
            text="",
            occurred_at=data["occurred_at"],
            attachments=self._uploads(),
        )
        at = entry.occurred_at
        asked = [
            self.incident.pk,
            data["text"],
            at.isoformat() if at else "",
            [upload.sha256 for upload in entry.attachments],
        ]
        once(data["key"], asked, self.by, lambda: enter(entry, data["text"]))
        return self.place()

    def _uploads(self) -> list[Upload]:
        given = self.request.FILES.getlist(attachments.FIELD)
        if len(given) > MAX_FILES:
            message = f"At most {MAX_FILES} files at once."
            raise ValidationFailed([FieldError(attachments.FIELD, message)])
        limit = settings.ATTACHMENT_MAX_BYTES
        return [attachments.checked(each.name or "", each, limit=limit) for each in given]


class CorrectNote(IncidentAct):
    form_class = CorrectionForm
    title = "Correct a note"

    def prepare(self) -> None:
        super().prepare()
        entry = self.kwargs["entry"]
        found = self.incident.timeline.filter(pk=entry, kind=TimelineEntry.Kind.NOTE).first()
        if found is None:
            raise NotFound
        self.entry = found

    def form(self, data: Any = None) -> Form:
        initial = {"text": self.entry.text, "occurred_at": self.entry.occurred_at}
        return self.form_class(data, initial=initial)

    def describe(self) -> dict[str, Any]:
        explanation = "The note stays on record as it was, marked as corrected by this one."
        return {**super().describe(), "explanation": explanation, "submit_label": "Correct"}

    def act(self, data: dict[str, Any]) -> str:
        timeline_note(
            incident=self.incident,
            by=self.by,
            text=data["text"],
            occurred_at=self._occurred_at(data["occurred_at"]),
            supersedes=self.entry,
        )
        return self.place()

    def _occurred_at(self, given: datetime | None) -> datetime | None:
        """The form knows whole seconds; what it did not change stays exact."""
        as_shown = self.entry.occurred_at.replace(microsecond=0)
        return self.entry.occurred_at if given == as_shown else given


class PinAct(IncidentAct):
    """Of one entry."""

    form_class = EmptyForm
    form_template = "incidents/dialogs/press.html"

    def prepare(self) -> None:
        super().prepare()
        found = self.incident.timeline.filter(pk=self.kwargs["entry"]).first()
        if found is None:
            raise NotFound
        self.entry = found


class Pin(PinAct):
    title = "Pin"

    def describe(self) -> dict[str, Any]:
        question = "The entry stays on top of the timeline, for everybody."
        return {**super().describe(), "question": question, "submit_label": "Pin"}

    def act(self, _data: dict[str, Any]) -> str:
        entry_pin(incident=self.incident, by=self.by, entry=self.entry)
        return self.place()


class Unpin(PinAct):
    title = "Unpin"

    def describe(self) -> dict[str, Any]:
        question = "The entry stays in the timeline, where it happened."
        return {**super().describe(), "question": question, "submit_label": "Unpin"}

    def act(self, _data: dict[str, Any]) -> str:
        entry_unpin(incident=self.incident, by=self.by, entry=self.entry)
        return self.place()
