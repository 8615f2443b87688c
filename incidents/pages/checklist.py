"""Dialogs of the checklist: add, assign, done, not applicable, reopen."""

from typing import Any

from django.forms import Form

from incidents.pages.base import IncidentAct
from incidents.pages.forms import (
    CheckAssignForm,
    CheckDoneForm,
    CheckForm,
    CheckSkipForm,
    VersionForm,
)
from incidents.pages.moves import MOST_PEOPLE
from incidents.selectors import war_room as read
from incidents.services.checklists import (
    checklist_item_add,
    checklist_item_assign,
    checklist_item_complete,
    checklist_item_reopen,
    checklist_item_skip,
)
from portal.lib.errors import NotFound


class AddCheck(IncidentAct):
    form_template = "incidents/dialogs/form_only.html"
    title = "Add an item"

    def form(self, data: Any = None) -> Form:
        return CheckForm(data, people=read.responders(self.incident, limit=MOST_PEOPLE))

    def act(self, data: dict[str, Any]) -> str:
        checklist_item_add(incident=self.incident, by=self.by, **data)
        return self.place()


class CheckAct(IncidentAct):
    """Of one item. `service` is what its button does."""

    form_template = "incidents/dialogs/press.html"
    form_class: Any = VersionForm
    service: Any = None

    def prepare(self) -> None:
        super().prepare()
        found = self.incident.checklist.filter(pk=self.kwargs["item"]).first()
        if found is None:
            raise NotFound
        found.incident = self.incident
        self.item = found

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "question": self.item.text}

    def act(self, data: dict[str, Any]) -> str:
        type(self).service(item=self.item, by=self.by, **data)
        return self.place()


class CompleteCheck(CheckAct):
    form_class = CheckDoneForm
    service = staticmethod(checklist_item_complete)
    title = "Done"


class SkipCheck(CheckAct):
    form_class = CheckSkipForm
    service = staticmethod(checklist_item_skip)
    title = "Not applicable"


class ReopenCheck(CheckAct):
    service = staticmethod(checklist_item_reopen)
    title = "Reopen"


class AssignCheck(CheckAct):
    service = staticmethod(checklist_item_assign)
    title = "Assign"

    def form(self, data: Any = None) -> Form:
        people = read.responders(self.incident, limit=MOST_PEOPLE)
        initial = {
            "version": self.request.GET.get("version"),
            "assignee": self.item.assignee_id or "",
        }
        return CheckAssignForm(data, people=people, initial=initial)
