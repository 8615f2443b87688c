"""The postmortem: written together, accepted by a second person."""

from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.urls import reverse

from incidents import actions
from incidents.models import Postmortem
from incidents.pages.base import IncidentAct, may
from incidents.pages.forms import AcceptForm, PostmortemForm
from incidents.pages.stepper import conditions_to_close
from incidents.procedure import State
from incidents.selectors import war_room as read
from incidents.services.postmortems import FIELDS, postmortem_accept, postmortem_write
from portal.lib.errors import Conflict, NotFound, VigilError

WRITABLE = {State.DOCUMENTING, State.POSTMORTEM}


class PostmortemPage(IncidentAct):
    form_class = PostmortemForm
    form_template = "incidents/postmortem_form.html"

    def prepare(self) -> None:
        super().prepare()
        self.postmortem = read.postmortem(self.incident)

    def form(self, data: Any = None) -> Form:
        return self.form_class(data, initial=_stored(self.postmortem))

    def describe(self) -> dict[str, Any]:
        found = self.postmortem
        is_accepted = found is not None and found.accepted_at is not None
        may_accept = may(self.user, actions.ACCEPT_POSTMORTEM, self.incident)
        return {
            **super().describe(),
            "heading": f"Postmortem of {self.incident.number}",
            "postmortem": found,
            "conditions": conditions_to_close(self.incident, found),
            "is_own": found is not None and found.author_id == self.user.pk,
            "is_accepted": is_accepted,
            "may_accept": may_accept,
            "may_write": may(self.user, actions.WRITE_POSTMORTEM, self.incident),
            "is_writable": self.incident.state in WRITABLE and not is_accepted,
        }

    def get(self, *_args: Any, **_kwargs: Any) -> HttpResponse:
        return self._whole(self.form())

    def _whole(self, form: Form) -> HttpResponse:
        context = {**self.describe(), "form": form, "submit_to": self.request.path}
        return self.page("incidents/postmortem.html", context, title=context["heading"])

    def act(self, data: dict[str, Any]) -> str:
        fields = {name: data[name] for name in FIELDS}
        postmortem_write(incident=self.incident, by=self.by, fields=fields, version=data["version"])
        return reverse("incidents:postmortem", args=[self.incident.pk])

    def done(self, place: str) -> HttpResponse:
        return self.go(place)

    def after_refusal(self, error: VigilError) -> dict[str, Any]:
        """What somebody else wrote in the meantime, to be merged by hand: nothing gets lost."""
        theirs = read.postmortem(self.incident)
        if not isinstance(error, Conflict) or theirs is None or theirs.accepted_at:
            return {}
        sent = self.request.POST
        return {
            "theirs": theirs,
            "differences": [
                (PostmortemForm.base_fields[name].label, getattr(theirs, name))
                for name in FIELDS
                if getattr(theirs, name) != sent.get(name, "").replace("\r\n", "\n").strip()
            ],
        }


class AcceptPostmortem(IncidentAct):
    form_class = AcceptForm
    form_template = "incidents/dialogs/press.html"
    title = "Accept the postmortem"

    def prepare(self) -> None:
        super().prepare()
        found = read.postmortem(self.incident)
        if found is None:
            raise NotFound
        self.postmortem = found

    def describe(self) -> dict[str, Any]:
        question = "You have read it, and it tells what happened, why, and what is done about it."
        return {**super().describe(), "question": question, "submit_label": "Accept"}

    def act(self, data: dict[str, Any]) -> str:
        postmortem_accept(postmortem=self.postmortem, by=self.by, version=data["version"])
        return reverse("incidents:postmortem", args=[self.incident.pk])

    def done(self, place: str) -> HttpResponse:
        return self.go(place)


def _stored(postmortem: Postmortem | None) -> dict[str, Any]:
    if postmortem is None:
        return {"version": 0}
    return {"version": postmortem.version, **{name: getattr(postmortem, name) for name in FIELDS}}
