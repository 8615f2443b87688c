"""Dialogs of a hand-over: offer, accept, decline, withdraw; and taking a role."""

from typing import Any

from django.forms import Form

from incidents.models import IncidentRole
from incidents.pages.base import IncidentAct
from incidents.pages.forms import EmptyForm, OfferForm, ReasonForm, TakeForm
from incidents.pages.moves import MOST_PEOPLE
from incidents.selectors import war_room as read
from incidents.services.handovers import (
    role_accept,
    role_decline,
    role_offer,
    role_take,
    role_withdraw,
)
from portal.lib.errors import NotFound


class Offer(IncidentAct):
    form_template = "incidents/dialogs/press.html"
    title = "Hand over a role"

    def form(self, data: Any = None) -> Form:
        people = read.responders(self.incident, limit=MOST_PEOPLE)
        return OfferForm(data, people=people, initial={"role": self.request.GET.get("role")})

    def describe(self) -> dict[str, Any]:
        question = "You hold it until they accept."
        return {**super().describe(), "question": question, "submit_label": "Offer"}

    def act(self, data: dict[str, Any]) -> str:
        role = IncidentRole.Role(data["role"])
        role_offer(
            incident=self.incident, by=self.by, role=role, user=data["user"], note=data["note"]
        )
        return self.place()


class Take(IncidentAct):
    form_class = TakeForm
    form_template = "incidents/dialogs/press.html"
    title = "Take a role"

    def describe(self) -> dict[str, Any]:
        question = "For a role that nobody holds, or whose holder does not answer."
        return {**super().describe(), "question": question, "submit_label": "Take it"}

    def act(self, data: dict[str, Any]) -> str:
        role = IncidentRole.Role(data["role"])
        role_take(incident=self.incident, by=self.by, role=role, reason=data["reason"])
        return self.place()


class Answer(IncidentAct):
    form_class: Any = EmptyForm
    form_template = "incidents/dialogs/press.html"
    service: Any = None
    question = ""

    def prepare(self) -> None:
        super().prepare()
        rows = self.incident.handovers.select_related("holder", "successor")
        found = rows.filter(pk=self.kwargs["offer"]).first()
        if found is None:
            raise NotFound
        found.incident = self.incident
        self.offer = found

    def describe(self) -> dict[str, Any]:
        offer = self.offer
        question = self.question.format(
            role=offer.get_role_display().lower(), holder=offer.holder, successor=offer.successor
        )
        return {**super().describe(), "question": question}

    def act(self, data: dict[str, Any]) -> str:
        type(self).service(offer=self.offer, by=self.by, **data)
        return self.place()


class Accept(Answer):
    service = staticmethod(role_accept)
    title = "Accept"
    question = "You take over as {role} from {holder}."


class Decline(Answer):
    form_class = ReasonForm
    service = staticmethod(role_decline)
    title = "Decline"
    question = "{holder} stays {role}."


class Withdraw(Answer):
    service = staticmethod(role_withdraw)
    title = "Withdraw"
    question = "{successor} is not asked any more; you stay {role}."
