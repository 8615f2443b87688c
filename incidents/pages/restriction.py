"""Dialogs of a restricted incident: restrict, let in, take out, lift."""

from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.urls import reverse

from audit.models import User
from incidents.pages.base import IncidentAct
from incidents.pages.forms import EmptyForm, LetInForm, ReasonForm
from incidents.selectors import restriction as read
from incidents.selectors import visibility
from incidents.services.restriction import (
    incident_let_in,
    incident_remove_person,
    incident_restrict,
    incident_unrestrict,
)
from portal.lib.errors import NotFound

MOST_PEOPLE = 500


class Restrict(IncidentAct):
    form_class = ReasonForm
    title = "Restrict"

    def describe(self) -> dict[str, Any]:
        explanation = (
            "Only you, who opened it, who holds a role in it, and those who oversee restricted"
            " incidents will know of it. Everybody else finds no trace. You can let others in."
        )
        return {**super().describe(), "explanation": explanation}

    def act(self, data: dict[str, Any]) -> str:
        incident_restrict(incident=self.incident, by=self.by, reason=data["reason"])
        return self.place()


class Unrestrict(IncidentAct):
    form_class = ReasonForm
    title = "Lift the restriction"

    def describe(self) -> dict[str, Any]:
        explanation = (
            "Everybody who may see incidents sees this one, with all of its timeline. The status page"
            " tells the public where it stands, without its title or timeline."
        )
        return {**super().describe(), "explanation": explanation, "is_grave": True}

    def act(self, data: dict[str, Any]) -> str:
        incident_unrestrict(incident=self.incident, by=self.by, reason=data["reason"])
        return self.place()


class LetIn(IncidentAct):
    form_template = "incidents/dialogs/form_only.html"
    title = "Let somebody in"

    def form(self, data: Any = None) -> Form:
        return LetInForm(data, people=read.could_be_let_in(self.incident, limit=MOST_PEOPLE))

    def act(self, data: dict[str, Any]) -> str:
        incident_let_in(incident=self.incident, by=self.by, user=data["user"])
        return self.place()


class RemovePerson(IncidentAct):
    form_class = EmptyForm
    form_template = "incidents/dialogs/press.html"
    title = "Take somebody out"

    def prepare(self) -> None:
        super().prepare()
        found = User.objects.filter(pk=self.kwargs["user"]).first()
        if found is None or found not in read.let_in(self.incident).people:
            raise NotFound
        self.person = found

    def describe(self) -> dict[str, Any]:
        question = f"{self.person} will find no trace of {self.incident.number} any more."
        return {**super().describe(), "question": question, "submit_label": "Take out"}

    def act(self, _data: dict[str, Any]) -> str:
        incident_remove_person(incident=self.incident, by=self.by, user=self.person)
        return self.place()

    def done(self, place: str) -> HttpResponse:
        """Who took themselves out has nothing to come back to."""
        is_in = visibility.incidents_visible_to(self.user).filter(pk=self.incident.pk).exists()
        return super().done(place) if is_in else self.go(reverse("admin:index"))
