"""Dialogs of an action item: add, change, done, drop, reopen."""

from typing import Any

from django.forms import Form

from audit.models import User
from incidents.models import ActionItem
from incidents.pages.forms import DropForm, ItemForm, VersionForm
from incidents.pages.postmortem_parts import PartAct
from incidents.selectors import war_room as read
from incidents.services.action_items import (
    action_item_add,
    action_item_change,
    action_item_complete,
    action_item_drop,
    action_item_reopen,
)
from portal.lib.errors import NotFound

MOST_PEOPLE = 500


class AddItem(PartAct):
    form_template = "incidents/dialogs/form_only.html"
    title = "Add an action item"

    def prepare(self) -> None:
        super().prepare()
        self.written()

    def people(self) -> list[User]:
        return read.responders(self.incident, limit=MOST_PEOPLE)

    def form(self, data: Any = None) -> Form:
        return ItemForm(data, people=self.people())

    def act(self, data: dict[str, Any]) -> str:
        fields = {name: data[name] for name in ("text", "owner", "due_on", "kind")}
        action_item_add(postmortem=self.written(), by=self.by, **fields)
        return f"{self.place()}#items"


class ItemAct(PartAct):
    """Of one item. `service` is what the press of its button does."""

    form_class: Any = VersionForm
    form_template = "incidents/dialogs/press.html"
    service: Any = None

    def prepare(self) -> None:
        super().prepare()
        items = ActionItem.objects.filter(postmortem__incident=self.incident)
        found = items.select_related("owner").filter(pk=self.kwargs["item"]).first()
        if found is None:
            raise NotFound
        found.postmortem = self.written()
        found.postmortem.incident = self.incident
        self.item = found

    def form(self, data: Any = None) -> Form:
        return self.form_class(data, initial={"version": self.item.version})  # type: ignore[no-any-return] # each subclass names its form

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "question": self.item.text}

    def act(self, data: dict[str, Any]) -> str:
        self.service(item=self.item, by=self.by, **data)
        return f"{self.place()}#items"


class ChangeItem(ItemAct):
    form_template = "incidents/dialogs/form_only.html"
    title = "Change the action item"

    def form(self, data: Any = None) -> Form:
        people = read.responders(self.incident, limit=MOST_PEOPLE)
        if self.item.owner not in people:
            people = [self.item.owner, *people]
        names = ("text", "due_on", "kind", "version")
        initial = {name: getattr(self.item, name) for name in names}
        return ItemForm(data, people=people, initial={**initial, "owner": self.item.owner_id})

    def act(self, data: dict[str, Any]) -> str:
        version = data.pop("version")
        # An owner who can no longer see it stays until somebody names another.
        if data["owner"] == self.item.owner:
            data.pop("owner")
        action_item_change(item=self.item, by=self.by, version=version, fields=data)
        return f"{self.place()}#items"


class CompleteItem(ItemAct):
    title = "Done"
    service = staticmethod(action_item_complete)


class DropItem(ItemAct):
    form_class = DropForm
    title = "Drop the action item"
    service = staticmethod(action_item_drop)


class ReopenItem(ItemAct):
    title = "Reopen"
    service = staticmethod(action_item_reopen)
