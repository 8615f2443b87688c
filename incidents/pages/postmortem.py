"""The postmortem: written together, section by section, and accepted by a second person."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from audit.gate.types import Action
from incidents import actions
from incidents.models import ActionItem, Postmortem
from incidents.pages.base import IncidentAct, IncidentPage, may
from incidents.pages.forms import AcceptForm, SendBackForm
from incidents.pages.stepper import conditions_to_close
from incidents.postmortem_template import ITEMS_HINT, SECTIONS, WHYS_HINT, missing
from incidents.selectors import postmortems as gather
from incidents.selectors import war_room as read
from incidents.selectors.checklists import record_of
from incidents.services.action_items import action_for
from incidents.services.postmortems import (
    WRITABLE,
    postmortem_accept,
    postmortem_send_back,
    postmortem_submit,
)
from portal.lib.errors import NotFound


class OfPostmortem(IncidentPage):
    """Whatever is a part of the page of an incident's postmortem."""

    postmortem: Postmortem | None

    def prepare(self) -> None:
        super().prepare()
        self.postmortem = read.postmortem(self.incident)

    @property
    def is_writable(self) -> bool:
        is_final = self.postmortem is not None and self.postmortem.accepted_at is not None
        is_time = self.incident.state in WRITABLE and not is_final
        return is_time and may(self.user, actions.WRITE_POSTMORTEM, self.incident)

    def written(self) -> Postmortem:
        if self.postmortem is None:
            raise NotFound
        return self.postmortem

    def place(self) -> str:
        return reverse("incidents:postmortem", args=[self.incident.pk])

    def regions(self) -> dict[str, Any]:
        """What others may change while one looks at it."""
        found = self.postmortem
        items = gather.items(found)
        tree = gather.tree(found)
        texts = found.texts() if found else {}
        writers = found.writers() if found else set()
        return {
            "incident": self.incident,
            "postmortem": found,
            "conditions": conditions_to_close(self.incident, found),
            "sections": [(section, texts.get(section.name)) for section in SECTIONS],
            "tree": tree,
            "items": [self._item(item) for item in items],
            "lacks": missing(texts, whys=len(tree), items=items),
            "is_writer": self.user.pk in writers,
            "may_accept": may(self.user, actions.ACCEPT_POSTMORTEM, self.incident),
            "may_write": may(self.user, actions.WRITE_POSTMORTEM, self.incident),
            "is_time": self.incident.state in WRITABLE,
            "is_writable": self.is_writable,
            "whys_hint": WHYS_HINT,
            "items_hint": ITEMS_HINT,
        }

    def _item(self, item: ActionItem) -> dict[str, Any]:
        item.postmortem.incident = self.incident
        return {
            "item": item,
            "is_overdue": item.state == "open" and item.due_on < timezone.localdate(),
            "may_change": self._may(action_for("change", item, self.by)),
        }

    def _may(self, action: Action) -> bool:
        return may(self.user, action, self.incident)


class PostmortemPage(OfPostmortem):
    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        context = {
            **self.regions(),
            "figures": gather.figures(self.incident),
            "record": record_of(self.incident),
            "moments": gather.key_moments(self.incident),
        }
        title = f"Postmortem of {self.incident.number}"
        return self.page("incidents/postmortem.html", context, title=title)


class PostmortemLive(OfPostmortem):
    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        etag = read.digest(
            [
                self.incident.version,
                self.is_writable,
                timezone.localdate(),
                *(_state(self.postmortem) if self.postmortem else ()),
            ]
        )
        if unchanged := self.unchanged(etag):
            return unchanged
        return self.fragment("incidents/postmortem_live.html", self.regions(), etag=etag)


def _state(postmortem: Postmortem) -> list[object]:
    items = postmortem.items.order_by("pk").values_list("pk", "version")
    stands = [postmortem.version, postmortem.submitted_at, postmortem.accepted_at]
    return [*stands, postmortem.sent_back, *items]


class PostmortemAct(OfPostmortem, IncidentAct):
    def done(self, place: str) -> HttpResponse:
        return self.go(place)


class SubmitPostmortem(PostmortemAct):
    form_class = AcceptForm
    form_template = "incidents/dialogs/press.html"
    title = "Submit for review"

    def describe(self) -> dict[str, Any]:
        question = "Somebody who wrote no part of it reads it next. You can still change it."
        return {**super().describe(), "question": question, "submit_label": "Submit"}

    def act(self, data: dict[str, Any]) -> str:
        postmortem_submit(postmortem=self.written(), by=self.by, version=data["version"])
        return self.place()


class SendBackPostmortem(PostmortemAct):
    form_class = SendBackForm
    title = "Send it back"

    def describe(self) -> dict[str, Any]:
        explanation = "It becomes a draft again. Those who wrote it read why."
        return {**super().describe(), "explanation": explanation, "submit_label": "Send back"}

    def act(self, data: dict[str, Any]) -> str:
        postmortem_send_back(
            postmortem=self.written(),
            by=self.by,
            version=data["version"],
            reason=data["reason"],
        )
        return self.place()


class AcceptPostmortem(PostmortemAct):
    form_class = AcceptForm
    form_template = "incidents/dialogs/press.html"
    title = "Accept the postmortem"

    def prepare(self) -> None:
        super().prepare()
        self.written()

    def describe(self) -> dict[str, Any]:
        question = "You have read it, and it tells what happened, why, and what is done about it."
        return {**super().describe(), "question": question, "submit_label": "Accept"}

    def act(self, data: dict[str, Any]) -> str:
        postmortem_accept(postmortem=self.written(), by=self.by, version=data["version"])
        return self.place()
