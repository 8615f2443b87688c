"""One's own contact methods: added, tested by a code that comes back, and removed."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from audit.secrecy import Typed
from audit.secret_box import CannotOpen
from incidents.models import ContactMethod
from incidents.notify.vault import open_address
from incidents.pages.base import Act, Page
from incidents.pages.forms import EmptyForm
from incidents.services.contacts import (
    contact_add,
    contact_confirm,
    contact_remove,
    contact_test,
)
from portal.lib.errors import FieldError, NotFound, ValidationFailed

VISIBLE = 4


class ContactForm(forms.Form):
    kind = forms.ChoiceField(
        choices=ContactMethod.Kind.choices, widget=forms.Select(attrs={"class": "v-input"})
    )
    address = forms.CharField(
        required=False,
        max_length=254,
        help_text="An email address, your member id in Slack, or the integration key of a PagerDuty"
        " service of your own.",
        widget=forms.TextInput(attrs={"class": "v-input", "autocomplete": "off"}),
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        required=False,
        max_length=12,
        help_text="The six digits that the test brought.",
        widget=forms.TextInput(
            attrs={
                "class": "v-input",
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "autofocus": True,
            }
        ),
    )


def place() -> str:
    return reverse("incidents:contact-methods")


def shown_address(contact: ContactMethod) -> str:
    """Its owner reads it here; a key by its end alone."""
    try:
        address = open_address(contact)
    except CannotOpen:
        return "cannot be read any more; remove it, and add it anew"
    if contact.kind == ContactMethod.Kind.PAGERDUTY:
        return f"…{address[-VISIBLE:]}"
    return address


class ContactMethods(Page):
    def get(self, _request: HttpRequest) -> HttpResponse:
        mine = ContactMethod.objects.filter(user=self.user, removed_at=None).order_by("id")
        context = {
            "contacts": [(contact, shown_address(contact)) for contact in mine],
            "teams": self.user.teams.order_by("name"),
        }
        return self.page("incidents/contacts.html", context, title="My contact methods")


class _ContactAct(Act):
    form_class: type[forms.Form] = EmptyForm
    form_template = "incidents/dialogs/contact.html"

    def describe(self) -> dict[str, Any]:
        # Keys and codes are not for this browser to keep.
        return {"back": place(), "is_private": True}

    def done(self, place: str) -> HttpResponse:
        return self.go(place)


class AddContact(_ContactAct):
    form_class = ContactForm
    title = "Add a contact method"

    def act(self, data: dict[str, Any]) -> str:
        contact = ContactMethod(user=self.user, kind=data["kind"])
        made = contact_add(contact=contact, address=Typed(data["address"]), by=self.by)
        contact_test(contact=made, by=self.by)
        return reverse("incidents:contact-confirm", args=[made.pk])


class _OfMine(_ContactAct):
    contact: ContactMethod

    def prepare(self) -> None:
        super().prepare()
        mine = ContactMethod.objects.filter(user=self.user, removed_at=None)
        found = mine.filter(pk=self.kwargs["contact"]).first()
        if found is None:
            raise NotFound
        self.contact = found


class TestContact(_OfMine):
    title = "Send me a test"

    def describe(self) -> dict[str, Any]:
        by = self.contact.get_kind_display()
        question = f"A message with a code comes by {by}. It counts once you have entered the code."
        return {**super().describe(), "question": question}

    def act(self, _data: dict[str, Any]) -> str:
        contact_test(contact=self.contact, by=self.by)
        return reverse("incidents:contact-confirm", args=[self.contact.pk])


class ConfirmContact(_OfMine):
    form_class = CodeForm
    title = "Enter the code"

    def act(self, data: dict[str, Any]) -> str:
        if not contact_confirm(contact=self.contact, code=Typed(data["code"]), by=self.by):
            raise ValidationFailed([FieldError("code", "This is not the code that was sent.")])
        return place()


class RemoveContact(_OfMine):
    title = "Remove a contact method"

    def describe(self) -> dict[str, Any]:
        question = "You are not told by it any more. What was sent to it stays on record."
        return {**super().describe(), "question": question, "is_grave": True}

    def act(self, _data: dict[str, Any]) -> str:
        contact_remove(contact=self.contact, by=self.by)
        return place()
