"""Dialogs that record what was done to contain it, and that it was reversed."""

from typing import Any

from incidents.pages.base import IncidentAct
from incidents.pages.forms import ContainmentForm, ReasonForm
from incidents.services.containment import containment_record, containment_reverse
from portal.lib.errors import NotFound


class Record(IncidentAct):
    form_class = ContainmentForm
    form_template = "incidents/dialogs/form_only.html"
    title = "Record a containment action"

    def act(self, data: dict[str, Any]) -> str:
        containment_record(incident=self.incident, by=self.by, **data)
        return self.place()


class Reverse(IncidentAct):
    form_class = ReasonForm
    form_template = "incidents/dialogs/press.html"
    title = "Mark as reversed"

    def prepare(self) -> None:
        super().prepare()
        found = self.incident.containment.filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise NotFound
        found.incident = self.incident
        self.containment = found

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "question": str(self.containment)}

    def act(self, data: dict[str, Any]) -> str:
        containment_reverse(containment=self.containment, by=self.by, **data)
        return self.place()
