"""Dialogs that preserve evidence in one press, and release it for a reason."""

from typing import Any

from incidents.pages.base import IncidentAct
from incidents.pages.forms import EmptyForm, ReasonForm
from incidents.selectors.evidence import hold_of
from incidents.services.evidence import evidence_hold, evidence_release
from portal.lib.errors import NotFound


class Preserve(IncidentAct):
    form_class = EmptyForm
    form_template = "incidents/dialogs/press.html"
    title = "Preserve evidence"

    def describe(self) -> dict[str, Any]:
        service = self.incident.service
        what = f"All logs of {service}" if service else "All logs of all services"
        question = (
            f"{what} are kept, from an hour before the first sign of {self.incident.number} on, until"
            " somebody releases them."
        )
        return {**super().describe(), "question": question, "submit_label": "Preserve"}

    def act(self, _data: dict[str, Any]) -> str:
        evidence_hold(incident=self.incident, by=self.by)
        return self.place()


class Release(IncidentAct):
    form_class = ReasonForm
    title = "Release the evidence"

    def prepare(self) -> None:
        super().prepare()
        hold = hold_of(self.incident)
        if hold is None:
            raise NotFound
        self.hold = hold

    def describe(self) -> dict[str, Any]:
        explanation = "What was kept goes by the usual retention again, and may be deleted at once."
        return {**super().describe(), "explanation": explanation, "is_grave": True}

    def act(self, data: dict[str, Any]) -> str:
        evidence_release(hold=self.hold, by=self.by, reason=data["reason"])
        return self.place()
