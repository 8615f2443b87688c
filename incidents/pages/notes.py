"""The timeline's quick entry, and the correction of a note."""

from datetime import datetime
from typing import Any

from django.forms import Form

from incidents.models import TimelineEntry
from incidents.pages.base import IncidentAct
from incidents.pages.forms import CorrectionForm, NoteForm
from incidents.services.timeline import timeline_note
from portal.lib.errors import NotFound


def note_form(data: Any = None) -> Form:
    """With ids of its own, since a dialog's form may be on the same page."""
    return NoteForm(data, auto_id="note_%s")


class AddNote(IncidentAct):
    form_class = NoteForm
    title = "Add a note"

    def form(self, data: Any = None) -> Form:
        return note_form(data)

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "submit_label": "Add"}

    def act(self, data: dict[str, Any]) -> str:
        timeline_note(
            incident=self.incident,
            by=self.by,
            text=data["text"],
            occurred_at=data["occurred_at"],
        )
        return self.place()


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
