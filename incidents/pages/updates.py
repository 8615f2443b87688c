"""What the public is told, in the war room, and the dialog that tells them."""

from collections.abc import Sequence
from typing import Any

from django.forms import Form

from incidents.models import Incident
from incidents.models.clock import ClockKind
from incidents.pages.base import IncidentAct
from incidents.pages.clocks import ClockView
from incidents.pages.forms import UpdateForm
from incidents.publishing import Word, template
from incidents.selectors.public_status import told_of
from incidents.services.publishing import is_for_the_public, status_update, word_now


class Publish(IncidentAct):
    """`?word=` starts from that word's template."""

    form_class = UpdateForm
    form_template = "incidents/dialogs/update.html"
    title = "Publish an update"

    def form(self, data: Any = None) -> Form:
        word = self._word()
        text = template(word, self.incident.severity)
        return UpdateForm(data, initial={"word": word, "text": text}, auto_id="update_%s")

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "explanation": (
                "Everybody can read this on /status/: nothing internal, no names."
                if is_for_the_public(self.incident)
                else "Not on /status/: only those who may see this incident read it."
            ),
            # What is typed into one template's form is kept apart from the others.
            "submit_to": self.request.get_full_path(),
            "words": Word,
            "started_from": self._word(),
            "submit_label": "Publish" if is_for_the_public(self.incident) else "Write down",
        }

    def act(self, data: dict[str, Any]) -> str:
        word = Word(data["word"])
        status_update(incident=self.incident, by=self.by, word=word, text=data["text"])
        return self.place()

    def _word(self) -> Word:
        asked = self.request.GET.get("word")
        return Word(asked) if asked in Word.values else word_now(self.incident)


def communications(incident: Incident, clocks: Sequence[ClockView]) -> dict[str, Any]:
    """What the public reads now, what else was told, newest first, and when the next is due."""
    updates, is_public = told_of(incident), is_for_the_public(incident)
    now = next((each for each in updates if each.is_public), None) if is_public else None
    return {
        "is_for_the_public": is_public,
        "public_now": now,
        "earlier": [each for each in updates if each is not now],
        "cadence": next((each for each in clocks if each.kind == ClockKind.STATUS_UPDATE), None),
    }
